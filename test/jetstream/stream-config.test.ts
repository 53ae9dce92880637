import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House, type Json } from './house.ts'

/** Configurations that nats-server 2.15.2 refuses, with its error. */
const REFUSED: [Json, number, string][] = [
  [{ max_age: -1 }, 10052, 'max age can not be negative'],
  [{ max_age: 1 }, 10052, 'max age needs to be >= 100ms'],
  [{ duplicate_window: -1 }, 10052, 'duplicates window can not be negative'],
  [{ duplicate_window: 1 }, 10052, 'duplicates window needs to be >= 100ms'],
  [{ duplicate_window: 10e9, max_age: 1e9 }, 10052, 'duplicates window can not be larger then max age'],
  [{ num_replicas: 3 }, 10074, 'replicas > 1 not supported in non-clustered mode'],
  [{ num_replicas: 7 }, 10052, 'maximum replicas is 5'],
  [{ num_replicas: -1 }, 10133, 'replicas count cannot be negative'],
  [{ discard_new_per_subject: true }, 10052, 'discard new per subject requires discard new policy to be set'],
  [
    { discard: 'new', discard_new_per_subject: true },
    10052,
    'discard new per subject requires max msgs per subject > 0',
  ],
  [{ placement: { preferred: 'x' } }, 10052, 'preferred server not permitted in placement'],
  [
    { persist_mode: 'async', storage: 'memory' },
    10052,
    'async persist mode is only supported on file storage',
  ],
  [{ subjects: ['x', 'x'] }, 10052, 'subject "x" overlaps with "x"'],
  [{ subjects: ['c.>', 'c.x'] }, 10052, 'subject "c.>" overlaps with "c.x"'],
  [{ subjects: ['c. x'] }, 10052, 'invalid subject'],
  [{ subjects: ['$JS.>'] }, 10052, 'subjects that overlap with jetstream api require no-ack to be true'],
  [{ subjects: ['>'] }, 10052, 'capturing all subjects requires no-ack to be true'],
  [{ subjects: ['$SYS.x'] }, 10052, 'subjects that overlap with system api require no-ack to be true'],
  [{ sealed: true }, 10052, 'stream configuration for create can not be sealed'],
  [{ mirror_direct: true }, 10052, 'stream has no mirror but does have mirror direct'],
  [{ deny_purge: true, allow_rollup_hdrs: true }, 10052, 'roll-ups require the purge permission'],
  [{ subject_delete_marker_ttl: 5 }, 10052, 'subject delete marker TTL must be at least 1 second'],
  [{ allow_msg_counter: true, discard: 'new' }, 10052, 'counter stream cannot use discard new'],
  [{ max_msgs: -5, pedantic: true }, 10157, 'pedantic mode: max_msgs must be set to -1'],
  [{ max_age: 1e9, pedantic: true }, 10157, 'pedantic mode: duplicate window cannot be bigger than max age'],
  [{ unknown: 1 }, 10025, 'invalid JSON: json: unknown field "unknown"'],
  [
    { max_msgs: 'x' },
    10025,
    'invalid JSON: json: cannot unmarshal string into Go struct field StreamConfigRequest.StreamConfig.max_msgs of type int64',
  ],
  [
    { max_msg_size: 99999999999 },
    10025,
    'invalid JSON: json: cannot unmarshal number 99999999999 into Go struct field StreamConfigRequest.StreamConfig.max_msg_size of type int32',
  ],
  [
    { max_age: 1.5 },
    10025,
    'invalid JSON: json: cannot unmarshal number 1.5 into Go struct field StreamConfigRequest.StreamConfig.max_age of type time.Duration',
  ],
  [
    { subjects: [1] },
    10025,
    'invalid JSON: json: cannot unmarshal number into Go struct field StreamConfigRequest.StreamConfig.subjects of type string',
  ],
  [
    { consumer_limits: { max_ack_pending: 'x' } },
    10025,
    'invalid JSON: json: cannot unmarshal string into Go struct field StreamConsumerLimits.StreamConfig.consumer_limits.max_ack_pending of type int',
  ],
  [{ retention: 'x' }, 10025, 'invalid JSON: can not unmarshal "\\"x\\""'],
  [{ compression: 'x' }, 10025, 'invalid JSON: unknown compression algorithm'],
]

/** Requests that are not JSON, with the error of nats-server 2.15.2. */
const BAD_JSON: [string, string][] = [
  ['{"name":"C"} x', "invalid character 'x' looking for beginning of value at offset 14"],
  ['{"name":"C"', 'unexpected EOF'],
  ['{"name":"C",}', "invalid character '}' looking for beginning of object key string at offset 13"],
  ['{"name" "C"}', "invalid character '\"' after object key at offset 9"],
  ['{"name":tru}', "invalid character '}' in literal true (expecting 'e') at offset 12"],
  ['{"name":"C" "x"}', "invalid character '\"' after object key:value pair at offset 13"],
  ['{"name":01}', "invalid character '1' after object key:value pair at offset 10"],
  ['{"name":"\\q"}', "invalid character 'q' in string escape code at offset 11"],
  ['[1 2]', "invalid character '2' after array element at offset 4"],
  ['xyz', "invalid character 'x' looking for beginning of value at offset 1"],
  ['[]', 'json: cannot unmarshal array into Go value of type server.StreamConfigRequest'],
  ['12', 'json: cannot unmarshal number into Go value of type server.StreamConfigRequest'],
]

test('configurations are refused with the errors of nats-server', async () => {
  const house = await House.open()
  for (const [config, code, text] of REFUSED) {
    const answer = await house.api('STREAM.CREATE.C', { name: 'C', ...config })
    assert.deepEqual(errorOf(answer), [code, text], JSON.stringify(config))
  }
})

test('what is not JSON is refused with the errors of nats-server', async () => {
  const house = await House.open()
  for (const [body, text] of BAD_JSON) {
    assert.deepEqual(
      errorOf(await house.api('STREAM.CREATE.C', body)),
      [10025, `invalid JSON: ${text}`],
      body,
    )
  }
})

test('a stream gets the defaults of nats-server', async () => {
  const house = await House.open()
  const { config, did_create } = await house.stream({ name: 'A', subjects: ['a.>'], persist_mode: 'default' })
  assert.equal(did_create, true)
  assert.deepEqual(config, {
    name: 'A',
    subjects: ['a.>'],
    retention: 'limits',
    max_consumers: -1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    discard: 'old',
    storage: 'file',
    num_replicas: 1,
    duplicate_window: 120e9,
    compression: 'none',
    allow_direct: false,
    mirror_direct: false,
    sealed: false,
    deny_delete: false,
    deny_purge: false,
    allow_rollup_hdrs: false,
    consumer_limits: {},
    allow_msg_ttl: false,
    metadata: { '_nats.level': '5', '_nats.req.level': '0', '_nats.ver': '2.15.2' },
  })
})

test('the same configuration again is fine, another one is not', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a.>'] })
  assert.equal(errorOf(await house.api('STREAM.CREATE.A', { name: 'A', subjects: ['a.>'] })), null)
  assert.deepEqual(errorOf(await house.api('STREAM.CREATE.A', { name: 'A', subjects: ['a.*'] })), [
    10058,
    'stream name already in use with a different configuration',
  ])
  assert.deepEqual(errorOf(await house.api('STREAM.CREATE.B', { name: 'B', subjects: ['a.x'] })), [
    10065,
    'subjects overlap with an existing stream',
  ])
  assert.deepEqual(errorOf(await house.api('STREAM.CREATE.B', { name: 'D' })), [
    10056,
    'stream name in subject does not match request',
  ])
  assert.deepEqual(errorOf(await house.api('STREAM.CREATE.a/b', { name: 'a/b' })), [
    10128,
    'Stream name can not contain path separators',
  ])
})

test('an update changes what may change and refuses the rest', async () => {
  const house = await House.open()
  const base = { name: 'A', subjects: ['a.>'] }
  await house.stream({ ...base, deny_delete: true })
  const refusals: [Json, string][] = [
    [{ storage: 'memory', deny_delete: true }, 'stream configuration update can not change storage type'],
    [
      { retention: 'workqueue', deny_delete: true },
      'stream configuration update can not change retention policy to/from workqueue',
    ],
    [{}, 'stream configuration update can not cancel deny message deletes'],
    [{ persist_mode: 'async', deny_delete: true }, 'stream configuration update can not change persist mode'],
  ]
  for (const [change, text] of refusals) {
    assert.deepEqual(errorOf(await house.api('STREAM.UPDATE.A', { ...base, ...change })), [10052, text])
  }
  const updated = await house.api('STREAM.UPDATE.A', { ...base, deny_delete: true, subjects: ['a.>', 'z'] })
  assert.deepEqual((updated.config as Json).subjects, ['a.>', 'z'])
  assert.deepEqual(await house.publish('z'), { stream: 'A', seq: 1 })
  assert.deepEqual(errorOf(await house.api('STREAM.UPDATE.N', { name: 'N' })), [10059, 'stream not found'])
})

test('sealing takes other fields along and cannot be undone', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'] })
  const { config } = await house.api('STREAM.UPDATE.A', { name: 'A', subjects: ['a'], sealed: true })
  const { sealed, discard, deny_delete, deny_purge } = config as Json
  assert.deepEqual(
    { sealed, discard, deny_delete, deny_purge },
    {
      sealed: true,
      discard: 'new',
      deny_delete: true,
      deny_purge: true,
    },
  )
  const sealedError: [number, string] = [10109, 'invalid operation on sealed stream']
  assert.deepEqual(errorOf(await house.publish('a')), sealedError)
  assert.deepEqual(errorOf(await house.api('STREAM.PURGE.A')), sealedError)
  assert.deepEqual(errorOf(await house.api('STREAM.MSG.DELETE.A', { seq: 1 })), sealedError)
  assert.deepEqual(errorOf(await house.api('STREAM.UPDATE.A', { name: 'A', subjects: ['a'] })), [
    10052,
    'stream configuration update can not unseal a sealed stream',
  ])
})

test('what a server may store limits what streams are promised', async () => {
  const house = await House.open({ maxStore: 1000, maxMemory: 500 })
  await house.stream({ name: 'A', max_bytes: 800 })
  assert.deepEqual(errorOf(await house.api('STREAM.CREATE.B', { name: 'B', max_bytes: 300 })), [
    10047,
    'insufficient storage resources available',
  ])
  assert.deepEqual(
    errorOf(await house.api('STREAM.CREATE.B', { name: 'B', max_bytes: 501, storage: 'memory' })),
    [10028, 'insufficient memory resources available'],
  )
  await house.stream({ name: 'C', subjects: ['c'], storage: 'memory' })
  assert.equal(errorOf(await house.publish('c', 'x'.repeat(500))), null)
  assert.deepEqual(errorOf(await house.publish('c', 'x')), [10023, 'insufficient resources'])
})
