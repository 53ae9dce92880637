import { type Pumped, pump } from './pump.ts'
import type { Wire } from './wire.ts'

const severalInFlight = 16
const patienceSeconds = 150

/**
 * Makes `count` streams, the first of them number `from`, each with the subjects `many.NUMBER.>`; rejects
 * when that takes too long.
 */
export async function createStreams(
  wire: Wire,
  from: number,
  count: number,
  inFlight = severalInFlight,
): Promise<Pumped> {
  const pumped = await pump(wire, {
    inFlight,
    count,
    cutSeconds: patienceSeconds,
    send: (i, inbox) => {
      const name = `many${from + i}`
      const config = { name, subjects: [`many.${from + i}.>`], storage: 'file' }
      wire.output.publish(`$JS.API.STREAM.CREATE.${name}`, Buffer.from(JSON.stringify(config)), inbox)
    },
  })
  const { done, seconds } = pumped
  if (done < count) throw new Error(`only ${done} of ${count} streams were made in ${seconds.toFixed(0)} s`)
  return pumped
}
