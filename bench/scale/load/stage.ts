/** What the load of a row has at hand, in its own process. */
import type { ContenderName, Sample } from '../../row.ts'
import { sleep } from '../../servers/server-process.ts'
import { cpuSeconds, residentMiB } from '../../servers/usage.ts'
import type { Pumped } from './pump.ts'
import { Wire } from './wire.ts'

/** What the load is told when its process is started. */
export interface Assignment {
  readonly row: string
  readonly contender: ContenderName
  readonly port: number
  /** The server's process. */
  readonly pid: number
  readonly storeFolder: string
  /** 1, or less for a try of all rows. */
  readonly part: number
}

/** Work put off to after the last answer counts too. */
const afterworkMs = 150
const fewest = 200
const shortestSeconds = 0.1

export class Stage {
  /** A connection that is always there. */
  readonly wire: Wire
  readonly contender: ContenderName
  readonly storeFolder: string
  readonly #port: number
  readonly #pid: number
  readonly #part: number
  #turn = 0

  private constructor(assignment: Assignment, wire: Wire) {
    this.contender = assignment.contender
    this.storeFolder = assignment.storeFolder
    this.#port = assignment.port
    this.#pid = assignment.pid
    this.#part = assignment.part
    this.wire = wire
  }

  static async open(assignment: Assignment): Promise<Stage> {
    return new Stage(assignment, await Wire.open(assignment.port))
  }

  /** A further connection. */
  open(): Promise<Wire> {
    return Wire.open(this.#port)
  }

  /** A different number each time: for names. */
  turn(): number {
    return this.#turn++
  }

  /** How many of a full run's `count` this run takes. */
  count(count: number): number {
    return this.#part === 1 ? count : Math.min(count, Math.max(fewest, Math.round(count * this.#part)))
  }

  /** How long this run takes for a full run's `seconds`. */
  seconds(seconds: number): number {
    return this.#part === 1 ? seconds : Math.max(shortestSeconds, seconds * this.#part)
  }

  residentMiB(): number {
    return residentMiB(this.#pid)
  }

  /** The sample of one pump: rate, the longest stall, and the server's processor time for each message. */
  async rated(work: () => Promise<Pumped>): Promise<Sample> {
    const before = cpuSeconds(this.#pid)
    const { done, rate, stallMs } = await work()
    await sleep(afterworkMs)
    const cpu = ((cpuSeconds(this.#pid) - before) / done) * 1e6
    return { rate, cpu, stall: stallMs, messages: done }
  }
}
