/** Publishing where both servers promise the same. */
import { createStream, deleteStream } from '../load/api.ts'
import { pump } from '../load/pump.ts'
import type { ScaleRow } from '../row.ts'

const payload = Buffer.alloc(128, 'x')

const promises: Record<'relaxed' | 'on disk', Pick<ScaleRow, 'contenders' | 'settings'>> = {
  relaxed: { contenders: ['contrail', 'default'], settings: { contrail: 'sync_interval: "2m"' } },
  'on disk': { contenders: ['contrail', 'always'], settings: { always: 'sync_interval: always' } },
}

const explained = {
  relaxed:
    'acknowledged before the disk, synced every two minutes: Contrail with `sync_interval: 2m`, nats-server as it comes',
  'on disk': 'acknowledged when on disk: Contrail as it comes, nats-server with `sync_interval: always`',
}

function equalPromises(promise: keyof typeof promises, inFlight: number): ScaleRow {
  return {
    name: `equal promises, ${promise}, ${inFlight} in flight`,
    how: `${explained[promise]}; 128 B, a fresh stream each round, 1.5 s`,
    rounds: 5,
    ...promises[promise],
    load: async (stage) => {
      const { wire } = stage
      return async () => {
        const stream = `P${stage.turn()}`
        await createStream(wire, stream, [`${stream}.>`])
        const sample = await stage.rated(() =>
          pump(wire, {
            inFlight,
            seconds: stage.seconds(1.5),
            send: (i, inbox) => wire.output.publish(`${stream}.${i % 100}`, payload, inbox),
          }),
        )
        await deleteStream(wire, stream)
        return sample
      }
    },
  }
}

export const promiseRows: ScaleRow[] = (['relaxed', 'on disk'] as const).flatMap((promise) =>
  [1, 10, 50].map((inFlight) => equalPromises(promise, inFlight)),
)
