/** Drives `nats bench` and reads its figures. */
import { type Running, runCommand, startCommand } from './command.ts'

export interface BenchFigures {
  /** Messages a second; of all clients together when there are several. */
  readonly rate: number
  /** Latency of one operation in µs, where the command reports it. */
  readonly p50?: number
  readonly p99?: number
}

/** One server to drive, through one `nats` program. */
export class NatsBench {
  readonly #nats: string
  readonly #url: string

  constructor(nats: string, url: string) {
    this.#nats = nats
    this.#url = url
  }

  /** Runs one `nats bench` command, written as on the command line, to its end. */
  async run(line: string): Promise<BenchFigures> {
    const { output } = await runCommand(this.#nats, this.#args(line))
    return parseFigures(output)
  }

  /**
   * Starts one `nats bench` command that waits for others (a subscriber, a service); resolves when it says
   * it has started.
   */
  async start(line: string): Promise<Running> {
    const running = startCommand(this.#nats, this.#args(line))
    await running.says('[1] Starting')
    // Its subscription follows the line at once; nothing tells when the server has it.
    await new Promise((resolve) => setTimeout(resolve, 250))
    return running
  }

  /** Reads what a started command has printed. */
  read(output: string): BenchFigures {
    return parseFigures(output)
  }

  /** Any other command of the CLI; resolves to the seconds it took. */
  async cli(args: string[]): Promise<number> {
    const { seconds } = await runCommand(this.#nats, ['--no-context', '-s', this.#url, ...args])
    return seconds
  }

  #args(line: string): string[] {
    return ['--no-context', '-s', this.#url, 'bench', ...line.split(' '), '--no-progress']
  }
}

/** Reads the summary that `nats bench` prints: the aggregated line when there are several clients. */
export function parseFigures(output: string): BenchFigures {
  const rate = /(?:aggregated )?stats: ([\d,]+) msgs\/sec/.exec(output)?.[1]
  if (rate === undefined) throw new Error(`nats bench printed no figures:\n${output.slice(-600)}`)
  const summary = output.slice(output.search(/stats: [\d,]+ msgs/))
  return {
    rate: Number(rate.replaceAll(',', '')),
    p50: latency(summary, 'P50'),
    p99: latency(summary, 'P99'),
  }
}

function latency(summary: string, percentile: string): number | undefined {
  const text = new RegExp(`${percentile}:? ([\\d,.]+)us`).exec(summary)?.[1]
  return text === undefined ? undefined : Number(text.replaceAll(',', ''))
}
