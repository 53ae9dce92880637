/** Streams whose stored messages are compressed: what is told of them, and what they give, is the same. */
import { differential } from '../harness.ts'

/** More than a block of nats-server, and a segment of ours, hold (8 MiB each). */
const MESSAGES = 40
const BODY = 'what is said again and again packs well. '.repeat(6000)

differential('a stream with s2 that has filled more than one block', async (s) => {
  const config = { name: 'S', subjects: ['s.*'], compression: 's2', allow_direct: true }
  await s.api('STREAM.CREATE.S', config)
  for (let i = 1; i <= MESSAGES; i++) await s.quietly(`s.${i % 3}`, `${i} ${BODY}`, i % 4 === 0 ? 'H: v' : '')
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  await s.api('STREAM.MSG.DELETE.S', { seq: 2, no_erase: true })
  await s.api('STREAM.PURGE.S', { filter: 's.1', keep: 3 })
  await s.api('STREAM.INFO.S', { subjects_filter: '>', deleted_details: true })
  await s.api('STREAM.UPDATE.S', { ...config, compression: 'none' })
  await s.api('STREAM.UPDATE.S', { ...config, compression: 's2', max_msgs: 5 })
  await s.api('STREAM.INFO.S', { deleted_details: true })
  await s.api('STREAM.UPDATE.S', { ...config, compression: 'lz4' })
  await s.api('STREAM.PURGE.S')
  await s.api('STREAM.INFO.S')
})

differential('a stream in memory with s2', async (s) => {
  const config = { name: 'S', subjects: ['s.*'], compression: 's2', storage: 'memory' }
  await s.api('STREAM.CREATE.S', config)
  for (let i = 1; i <= 5; i++) await s.quietly(`s.${i % 3}`, `message ${i}`)
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  await s.api('STREAM.MSG.GET.S', { seq: 3 })
})
