import { createStream, deleteStream } from './api.ts'
import { fill } from './fill.ts'
import type { Stage } from './stage.ts'

const messages = 20_000
const payload = Buffer.alloc(128, 'x')

/** Publishes to a stream that is then deleted: neither server nor load should be measured cold. */
export async function warmUp(stage: Stage): Promise<void> {
  const { wire } = stage
  await createStream(wire, 'WARM', ['warm.>'])
  await fill(wire, stage.count(messages), payload, (i) => `warm.${i % 100}`)
  await deleteStream(wire, 'WARM')
}
