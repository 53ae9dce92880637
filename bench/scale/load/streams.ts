import { type Pumped, pump } from './pump.ts'
import type { Wire } from './wire.ts'

const severalInFlight = 16

/** Makes `count` streams, the first of them number `from`, each with the subjects `many.NUMBER.>`. */
export async function createStreams(
  wire: Wire,
  from: number,
  count: number,
  inFlight = severalInFlight,
): Promise<Pumped> {
  return pump(wire, {
    inFlight,
    count,
    send: (i, inbox) => {
      const name = `many${from + i}`
      const config = { name, subjects: [`many.${from + i}.>`], storage: 'file' }
      wire.output.publish(`$JS.API.STREAM.CREATE.${name}`, Buffer.from(JSON.stringify(config)), inbox)
    },
  })
}
