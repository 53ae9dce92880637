import { differential } from '../harness.ts'

/** Stream configurations that are accepted or refused; the answers must be the same. */
const CONFIGURATIONS: Record<string, [string, unknown]> = {
  'a plain stream': ['S', { name: 'S', subjects: ['s.>'] }],
  'no subjects: its own name': ['S', { name: 'S' }],
  'limits of all kinds': [
    'S',
    {
      name: 'S',
      subjects: ['s'],
      max_msgs: 10,
      max_bytes: 1000,
      max_age: 60e9,
      max_msgs_per_subject: 2,
      max_msg_size: 100,
      discard: 'new',
      duplicate_window: 1e9,
      max_consumers: 3,
      description: 'd',
      metadata: { a: 'b' },
    },
  ],
  'in memory': ['S', { name: 'S', subjects: ['s'], storage: 'memory' }],
  'work queue': ['S', { name: 'S', subjects: ['s'], retention: 'workqueue' }],
  interest: ['S', { name: 'S', subjects: ['s'], retention: 'interest' }],
  'a name with a space': ['S S', { name: 'S S' }],
  'a name with a dot': ['S.S', { name: 'S.S' }],
  'a name with a slash': ['S/S', { name: 'S/S' }],
  'a name with a backslash': ['S\\S', { name: 'S\\S' }],
  'a name with a wildcard': ['S*', { name: 'S*' }],
  'another name in the subject': ['S', { name: 'T' }],
  'no name': ['S', {}],
  'a long name': ['a'.repeat(300), { name: 'a'.repeat(300) }],
  'bad JSON': ['S', '{'],
  'an empty body': ['S', ''],
  'a wrong type': ['S', { name: 'S', max_msgs: 'many' }],
  'an unknown field': ['S', { name: 'S', foo: 1 }],
  'an unknown retention': ['S', { name: 'S', retention: 'forever' }],
  'an unknown storage': ['S', { name: 'S', storage: 'tape' }],
  'an unknown discard': ['S', { name: 'S', discard: 'some' }],
  'an invalid subject': ['S', { name: 'S', subjects: ['a..b'] }],
  'duplicate subjects': ['S', { name: 'S', subjects: ['a', 'a'] }],
  'overlapping subjects': ['S', { name: 'S', subjects: ['a.*', 'a.b'] }],
  'the subject of the API': ['S', { name: 'S', subjects: ['$JS.API.>'] }],
  'everything, with acks': ['S', { name: 'S', subjects: ['>'] }],
  'everything, without acks': ['S', { name: 'S', subjects: ['>'], no_ack: true }],
  'system subjects': ['S', { name: 'S', subjects: ['$SYS.>'] }],
  'three replicas': ['S', { name: 'S', num_replicas: 3 }],
  'too many replicas': ['S', { name: 'S', num_replicas: 7 }],
  'negative replicas': ['S', { name: 'S', num_replicas: -1 }],
  'a max age that is too short': ['S', { name: 'S', max_age: 1000 }],
  'a duplicate window above the max age': ['S', { name: 'S', max_age: 1e9, duplicate_window: 2e9 }],
  'a negative duplicate window': ['S', { name: 'S', duplicate_window: -1 }],
  'discard new per subject without discard new': [
    'S',
    { name: 'S', discard_new_per_subject: true, max_msgs_per_subject: 1 },
  ],
  'discard new per subject without a limit': [
    'S',
    { name: 'S', discard: 'new', discard_new_per_subject: true },
  ],
  'sealed from the beginning': ['S', { name: 'S', sealed: true }],
  'deny delete and purge': ['S', { name: 'S', deny_delete: true, deny_purge: true }],
  'roll-ups with deny purge': ['S', { name: 'S', allow_rollup_hdrs: true, deny_purge: true }],
  'roll-ups and direct gets': ['S', { name: 'S', allow_rollup_hdrs: true, allow_direct: true }],
  'a first sequence': ['S', { name: 'S', first_seq: 100 }],
  'a long description': ['S', { name: 'S', description: 'd'.repeat(5000) }],
  'consumer limits': ['S', { name: 'S', consumer_limits: { inactive_threshold: 1e9, max_ack_pending: 10 } }],
  compression: ['S', { name: 'S', compression: 's2' }],
  'an unknown compression': ['S', { name: 'S', compression: 'zip' }],
  'as the kv client makes it': [
    'KV_B',
    {
      name: 'KV_B',
      subjects: ['$KV.B.>'],
      max_msgs_per_subject: 5,
      discard: 'new',
      deny_delete: true,
      allow_rollup_hdrs: true,
      allow_direct: true,
      max_bytes: -1,
      max_age: 0,
      max_msg_size: -1,
      storage: 'file',
      num_replicas: 1,
      duplicate_window: 120e9,
    },
  ],
}

for (const [name, [stream, config]] of Object.entries(CONFIGURATIONS)) {
  differential(`stream configuration: ${name}`, async (s) => {
    if (name === 'everything, without acks') {
      // nats-server may have stored its own answer by the time that it writes it: the state is a matter of luck.
      const { body } = await s.quietly(`$JS.API.STREAM.CREATE.${stream}`, config)
      s.note('configuration', (body as { config: object }).config)
      return
    }
    await s.api(`STREAM.CREATE.${stream}`, config)
    await s.api(`STREAM.INFO.${stream}`)
  })
}

differential('creating a stream twice, the same and another', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['t'] })
  await s.api('STREAM.CREATE.T', { name: 'T', subjects: ['s'] })
})

differential('updates: what may change and what may not', async (s) => {
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'] })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], max_msgs: 5 })
  for (const change of [
    { max_msgs: 10 },
    { subjects: ['s', 't'] },
    { storage: 'memory' },
    { retention: 'workqueue' },
    { max_consumers: 2 },
    { deny_delete: true },
    { sealed: true },
    { description: 'x', metadata: { k: 'v' } },
  ]) {
    await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'], ...change })
  }
})

differential('names and lists', async (s) => {
  await s.api('STREAM.NAMES')
  await s.api('STREAM.LIST')
  for (const name of ['B', 'A', 'C']) await s.api(`STREAM.CREATE.${name}`, { name, subjects: [`${name}.>`] })
  await s.api('STREAM.NAMES')
  await s.api('STREAM.NAMES', { subject: 'A.b' })
  await s.api('STREAM.NAMES', { subject: '*.b' })
  await s.api('STREAM.NAMES', { offset: 1 })
  await s.api('STREAM.NAMES', { offset: 10 })
  await s.api('STREAM.NAMES', '{')
  await s.api('STREAM.LIST', { offset: 2 })
  await s.api('STREAM.LIST', { subject: 'C.>' })
})

differential('what is not there', async (s) => {
  await s.api('STREAM.INFO.NONE')
  await s.api('STREAM.DELETE.NONE')
  await s.api('STREAM.PURGE.NONE')
  await s.api('STREAM.MSG.GET.NONE', { seq: 1 })
  await s.api('STREAM.MSG.DELETE.NONE', { seq: 1 })
  await s.api('STREAM.INFO.bad name')
})

differential('account info', async (s) => {
  await s.api('INFO')
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  await s.request('s', 'hello')
  await s.api('INFO')
})

differential('state and subjects in the info', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  for (let i = 0; i < 6; i++) await s.request(`s.${i % 3}`, `message ${i}`)
  await s.api('STREAM.MSG.DELETE.S', { seq: 3 })
  await s.api('STREAM.INFO.S')
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  await s.api('STREAM.INFO.S', { subjects_filter: 's.1' })
  await s.api('STREAM.INFO.S', { subjects_filter: 's.1', offset: 5 })
  await s.api('STREAM.INFO.S', { deleted_details: true })
  await s.api('STREAM.INFO.S', '{')
})

differential('getting messages', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], allow_direct: true })
  await s.request('s.a', 'one')
  await s.request('s.b', 'two', 'X-Key: value\nX-Key: more')
  await s.request('s.a', 'three')
  for (const body of [
    { seq: 1 },
    { seq: 2 },
    { seq: 9 },
    { seq: 0 },
    {},
    { last_by_subj: 's.a' },
    { last_by_subj: 's.*' },
    { last_by_subj: 's.none' },
    { next_by_subj: 's.a', seq: 2 },
    { next_by_subj: 's.b' },
    { seq: 1, last_by_subj: 's.a' },
    '{',
    '',
  ]) {
    await s.api('STREAM.MSG.GET.S', body)
    await s.request('$JS.API.DIRECT.GET.S', body)
  }
  await s.request('$JS.API.DIRECT.GET.S.s.a')
  await s.request('$JS.API.DIRECT.GET.S.s.none')
})

differential('direct gets need to be allowed', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await s.request('s.a', 'one')
  await s.request('$JS.API.DIRECT.GET.S', { seq: 1 })
})

differential('deleting messages', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  for (let i = 0; i < 4; i++) await s.request('s', `message ${i}`)
  await s.api('STREAM.MSG.DELETE.S', { seq: 2 })
  await s.api('STREAM.MSG.DELETE.S', { seq: 2 })
  await s.api('STREAM.MSG.DELETE.S', { seq: 1, no_erase: true })
  await s.api('STREAM.MSG.DELETE.S', { seq: 0 })
  await s.api('STREAM.MSG.DELETE.S', '')
  await s.api('STREAM.INFO.S')
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'], deny_delete: true })
  await s.api('STREAM.MSG.DELETE.S', { seq: 3 })
})

differential('purging', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 0; i < 9; i++) await s.request(`s.${i % 3}`, `message ${i}`)
  await s.api('STREAM.PURGE.S', { filter: 's.1' })
  await s.api('STREAM.PURGE.S', { seq: 4 })
  await s.api('STREAM.PURGE.S', { filter: 's.0', keep: 1 })
  await s.api('STREAM.PURGE.S', { seq: 4, keep: 1 })
  await s.api('STREAM.INFO.S')
  await s.api('STREAM.PURGE.S', { keep: 1 })
  await s.api('STREAM.INFO.S')
  await s.api('STREAM.PURGE.S')
  await s.api('STREAM.INFO.S')
  await s.api('STREAM.PURGE.S', '{')
})
