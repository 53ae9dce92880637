import { differential } from '../harness.ts'

const SECOND = 1e9

differential('the last message of a subject leaves a marker when it gets too old', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    max_age: SECOND,
    subject_delete_marker_ttl: 20 * SECOND,
  })
  await s.request('s.a', '1')
  await s.request('s.a', '2')
  await s.request('s.b', '3', 'Nats-TTL: 5m')
  await s.request('s.c', '4', 'Other: header')
  await s.wait(1600)
  await s.api('STREAM.INFO.S', { subjects_filter: '>', deleted_details: true })
  for (let seq = 1; seq <= 8; seq++) await s.api('STREAM.MSG.GET.S', { seq })
  // Another message of the subject takes the marker's place.
  await s.request('s.a', '8', 'Nats-Rollup: sub')
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
})

differential('markers end too, and leave none', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    subject_delete_marker_ttl: SECOND,
    allow_msg_ttl: true,
  })
  await s.request('s.a', '1', 'Nats-TTL: 1')
  await s.wait(1600)
  await s.api('STREAM.INFO.S', { subjects_filter: '>', deleted_details: true })
  await s.wait(1500)
  await s.api('STREAM.INFO.S', { subjects_filter: '>', deleted_details: true })
})

differential('a time to live below that of markers is raised', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], subject_delete_marker_ttl: 90 * SECOND })
  for (const value of ['1', '89s', '90s', '2m', 'never', '0']) {
    await s.request('s.a', value, `First: 1\nNats-TTL: ${value}\nLast: 2`)
  }
  for (let seq = 1; seq <= 6; seq++) await s.api('STREAM.MSG.GET.S', { seq })
})

differential('what is deleted, purged or over a limit leaves no marker', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    subject_delete_marker_ttl: 90 * SECOND,
    max_msgs: 2,
  })
  for (const name of ['a', 'b', 'c']) await s.request(`s.${name}`, name)
  await s.api('STREAM.MSG.DELETE.S', { seq: 2 })
  await s.api('STREAM.PURGE.S', { filter: 's.c' })
  await s.wait(300)
  await s.api('STREAM.INFO.S', { subjects_filter: '>', deleted_details: true })
})

differential('a marker for which a full stream has no room', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    subject_delete_marker_ttl: SECOND,
    max_msgs: 2,
    discard: 'new',
  })
  await s.request('s.a', '1', 'Nats-TTL: 1s')
  await s.request('s.b', '2')
  await s.wait(3000)
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
})

differential('a marker takes the place of its message behind the limits of the stream', async (s) => {
  for (const limit of [{ max_msgs: 2 }, { max_msgs: 2, max_msgs_per_subject: 1 }]) {
    const config = { name: 'S', subjects: ['s.*'], subject_delete_marker_ttl: SECOND, ...limit }
    await s.api('STREAM.CREATE.S', config)
    await s.request('s.a', '1')
    await s.request('s.b', '2', 'Nats-TTL: 1s')
    await s.wait(1500)
    await s.api('STREAM.INFO.S', { subjects_filter: '>' })
    await s.api('STREAM.DELETE.S')
  }
})

differential('what is a marker already leaves none', async (s) => {
  const config = { max_age: SECOND, duplicate_window: SECOND / 10, subject_delete_marker_ttl: 20 * SECOND }
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], ...config })
  const headers = [
    'Nats-Marker-Reason: x',
    'Nats-Marker-Reason:',
    'Nats-Marker-Reason:\nNats-Marker-Reason: x',
    'nats-marker-reason: x',
    'KV-Operation: PURGE',
    'KV-Operation: purge',
    'KV-Operation:   PURGE',
    'KV-Operation: PURGED',
    'KV-Operation: DEL\nKV-Operation: PURGE',
    'KV-Operation: DEL',
  ]
  for (const [index, head] of headers.entries()) await s.request(`s.${index}`, '', head)
  await s.wait(1800)
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
})

for (const config of [
  { subject_delete_marker_ttl: SECOND / 2 },
  { subject_delete_marker_ttl: -1 },
  { subject_delete_marker_ttl: 1.5 * SECOND },
  { subject_delete_marker_ttl: SECOND, deny_purge: true },
  { subject_delete_marker_ttl: SECOND, allow_msg_ttl: false, allow_rollup_hdrs: false },
  { subject_delete_marker_ttl: SECOND, retention: 'workqueue' },
  { subject_delete_marker_ttl: SECOND, storage: 'memory' },
  { subject_delete_marker_ttl: SECOND, mirror: { name: 'X' }, subjects: undefined },
]) {
  differential(`a stream with ${JSON.stringify(config)}`, async (s) => {
    await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], ...config })
    await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'] })
    await s.api('STREAM.UPDATE.S', {
      name: 'S',
      subjects: ['s'],
      allow_msg_ttl: true,
      subject_delete_marker_ttl: 0,
    })
    await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'], subject_delete_marker_ttl: 5 * SECOND })
  })
}
