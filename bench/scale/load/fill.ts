/** Publishes what a row begins with, as fast as it goes. */
import { pump } from './pump.ts'
import type { Wire } from './wire.ts'

const inFlight = 1000

export async function fill(
  wire: Wire,
  count: number,
  payload: Buffer,
  subjectOf: (i: number) => string,
  headers?: string,
): Promise<void> {
  const { output } = wire
  const { done } = await pump(wire, {
    inFlight,
    count,
    send: (i, inbox) =>
      headers === undefined
        ? output.publish(subjectOf(i), payload, inbox)
        : output.publishWithHeaders(subjectOf(i), headers, payload, inbox),
  })
  if (done < count) throw new Error(`only ${done} of ${count} messages were stored in time`)
}
