/** A bus without sockets: clients that keep what they are sent, and time that moves when told. */
import {
  Bus,
  type BusOptions,
  type ClientProtocol,
  type Session,
  type Transport,
} from '../../src/core/index.ts'
import type { Clock, Timer } from '../../src/ports/index.ts'

export class FakeClock implements Clock {
  private nowMs = 1_700_000_000_000
  private timers: { atMs: number; callback: () => void }[] = []

  now(): number {
    return this.nowMs
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { atMs: this.nowMs + delayMs, callback }
    this.timers.push(timer)
    return {
      clear: () => {
        this.timers = this.timers.filter((other) => other !== timer)
      },
    }
  }

  /** Moves on, and calls what is due in order. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const due = this.timers.filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.timers = this.timers.filter((timer) => timer !== due)
      this.nowMs = Math.max(this.nowMs, due.atMs)
      due.callback()
    }
    this.nowMs = endMs
  }
}

/** A client at the end of a transport in memory. */
export class FakeClient implements Transport {
  readonly protocol: ClientProtocol
  readonly session: Session
  readonly bus: Bus
  private chunks: string[] = []
  /** Takes bytes as slowly as it likes: with `isStuck` nothing is ever taken. */
  isStuck = false
  writes = 0
  isPaused = false
  isEnded = false

  constructor(bus: Bus) {
    this.bus = bus
    this.protocol = bus.connect(this, { host: '127.0.0.1', port: 4000, kind: 'tcp' })
    this.session = this.protocol.session
  }

  write(bytes: Buffer): boolean {
    this.writes++
    this.chunks.push(bytes.toString('latin1'))
    return !this.isStuck
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  close(): void {
    this.isEnded = true
  }

  /** Everything sent so far and not asked for yet; INFO's JSON is left out. */
  take(): string {
    this.bus.turn.drain()
    const text = this.chunks.join('')
    this.chunks = []
    return text.replace(/INFO \{.*?\} \r\n/g, 'INFO\r\n')
  }

  /** Sends text (latin1) and returns the answer. */
  say(...lines: string[]): string {
    for (const line of lines) this.protocol.receive(Buffer.from(line, 'latin1'))
    return this.take()
  }

  /** Connects quietly and forgets what came. */
  connect(options: Record<string, unknown> = {}): this {
    const all = { verbose: false, pedantic: false, headers: true, no_responders: true, ...options }
    this.say(`CONNECT ${JSON.stringify(all)}\r\n`)
    return this
  }
}

export interface FakeBus {
  bus: Bus
  clock: FakeClock
  log: string[]
  client(options?: Record<string, unknown>): FakeClient
}

export function fakeBus(options: Partial<BusOptions> = {}): FakeBus {
  const clock = new FakeClock()
  const log: string[] = []
  const bus = new Bus({ clock, log: (_level, text) => log.push(text), ...options })
  return { bus, clock, log, client: (given) => new FakeClient(bus).connect(given) }
}

/** Numbers that look random and are the same every time (mulberry32). */
export class Dice {
  private state: number

  constructor(seed: number) {
    this.state = seed | 0
  }

  /** From 0 to `below` - 1. */
  roll(below: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below) | 0
  }

  pick<T>(from: readonly T[]): T {
    return from[this.roll(from.length)]
  }
}
