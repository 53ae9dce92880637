/** A million subjects in a stream: what asks about all of them, and the memory they take. */
import { sleep } from '../../servers/server-process.ts'
import { ask, createConsumer, createStream, deleteConsumer } from '../load/api.ts'
import { fill } from '../load/fill.ts'
import type { ScaleRow } from '../row.ts'

const payload = Buffer.alloc(128, 'x')
const restMs = 2000

const millionSubjects: ScaleRow = {
  name: '1 M subjects',
  how: 'a message each: the creation of a last_per_subject consumer, the first page of info by subjects, and the memory 2 s after the last was published, before all that',
  load: async (stage) => {
    const subjects = stage.count(1_000_000)
    const { wire } = stage
    await createStream(wire, 'SUBJECTS', ['subjects.>'])
    await fill(wire, subjects, payload, (i) => `subjects.${i % 1000}.${i}`)
    await sleep(restMs)
    const resident = stage.residentMiB()
    return async () => {
      const begunMs = performance.now()
      await createConsumer(wire, 'SUBJECTS', 'last', {
        deliver_policy: 'last_per_subject',
        filter_subject: 'subjects.>',
      })
      const createdMs = performance.now()
      await deleteConsumer(wire, 'SUBJECTS', 'last')
      const askedMs = performance.now()
      await ask(wire, '$JS.API.STREAM.INFO.SUBJECTS', { subjects_filter: '>' })
      return { create: createdMs - begunMs, info: performance.now() - askedMs, resident }
    }
  },
}

export const subjectRows: ScaleRow[] = [millionSubjects]
