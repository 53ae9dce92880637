/** Runs one row: every contender is made ready, then they take turns, round after round. */
import { type MeasureName, measureNames } from './measures.ts'
import type { ContenderName, Contest, Row, Runner, Sample } from './row.ts'

/** The rounds' figures of one measure of one contender. */
export interface Figure {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export interface RowResult {
  readonly row: string
  /** ISO date of the measurement. */
  readonly date: string
  readonly rounds: number
  readonly figures: Partial<Record<ContenderName, Partial<Record<MeasureName, Figure>>>>
  /** Why a contender has no (or fewer) figures. */
  readonly failures: Partial<Record<ContenderName, string>>
}

export async function runRow(
  row: Row,
  rounds: number,
  contestOf: (contender: ContenderName) => Contest,
  progress: (text: string) => void,
): Promise<RowResult> {
  const runners = new Map<ContenderName, Runner>()
  const samples = new Map<ContenderName, Sample[]>()
  const failures: Partial<Record<ContenderName, string>> = {}
  const attempt = async (contender: ContenderName, work: () => Promise<void>) => {
    if (failures[contender] !== undefined) return
    try {
      await work()
    } catch (error) {
      failures[contender] = (error as Error).message
    }
  }
  for (const contender of row.contenders) {
    progress(`${contender}: getting ready`)
    await attempt(contender, async () => {
      const runner = await row.open(contestOf(contender))
      runners.set(contender, runner)
      samples.set(contender, [])
      await runner.warmUp?.()
    })
  }
  for (let round = 0; round < rounds; round++) {
    // Who begins changes with each round.
    const order = round % 2 === 0 ? row.contenders : row.contenders.toReversed()
    for (const contender of order) {
      progress(`round ${round + 1} of ${rounds}, ${contender}`)
      await attempt(contender, async () => {
        samples.get(contender)?.push(await (runners.get(contender) as Runner).sample())
      })
    }
  }
  for (const [contender, runner] of runners) {
    await runner.close().catch((error: Error) => {
      failures[contender] ??= error.message
    })
  }
  const figures: RowResult['figures'] = {}
  for (const [contender, taken] of samples) if (taken.length > 0) figures[contender] = summarize(taken)
  return { row: row.name, date: new Date().toISOString(), rounds, figures, failures }
}

function summarize(samples: Sample[]): Partial<Record<MeasureName, Figure>> {
  const summary: Partial<Record<MeasureName, Figure>> = {}
  for (const name of measureNames) {
    const values = samples
      .map((sample) => sample[name])
      .filter((value) => value !== undefined && Number.isFinite(value))
    if (values.length > 0) summary[name] = figure(values as number[])
  }
  return summary
}

export function figure(values: number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, lowest: sorted[0], highest: sorted[sorted.length - 1] }
}
