/** Each field of the API's requests with values of every JSON type: taken, or refused in the same words. */
import { differential, type Session } from '../harness.ts'

const VALUES: unknown[] = [
  '',
  'text',
  '1s',
  0,
  1,
  -1,
  1.5,
  1e30,
  true,
  false,
  null,
  [],
  ['a'],
  [1],
  {},
  { a: 1 },
]

const STREAM_FIELDS = [
  'name description subjects retention max_consumers max_msgs max_bytes max_age max_msgs_per_subject max_msg_size',
  'discard discard_new_per_subject storage num_replicas no_ack duplicate_window compression first_seq',
  'allow_direct sealed deny_delete deny_purge allow_rollup_hdrs consumer_limits metadata',
].flatMap((line) => line.split(' '))

const CONSUMER_FIELDS = [
  'name durable_name description deliver_policy opt_start_seq opt_start_time ack_policy ack_wait max_deliver backoff',
  'filter_subject filter_subjects replay_policy rate_limit_bps sample_freq max_waiting max_ack_pending flow_control',
  'idle_heartbeat headers_only max_batch max_expires max_bytes deliver_subject deliver_group inactive_threshold',
  'num_replicas mem_storage metadata',
].flatMap((line) => line.split(' '))

async function eachStream(s: Session, field: string): Promise<void> {
  // Each with a name of its own: nats-server removes the files of a deleted stream behind its answer.
  for (const [i, value] of VALUES.entries()) {
    await s.api(`STREAM.CREATE.S${i}`, { name: `S${i}`, subjects: [`s${i}`], [field]: value })
    await s.quietly(`$JS.API.STREAM.DELETE.S${i}`)
  }
}

async function eachConsumer(s: Session, field: string): Promise<void> {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  for (const value of VALUES) {
    const config = { name: 'c', ack_policy: 'explicit', [field]: value }
    const answer = await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
    if (answer.error === undefined) await s.quietly('$JS.API.CONSUMER.DELETE.S.c')
  }
}

for (const field of STREAM_FIELDS) {
  differential(`stream field of every type: ${field}`, (s) => eachStream(s, field))
}

for (const field of CONSUMER_FIELDS) {
  differential(`consumer field of every type: ${field}`, (s) => eachConsumer(s, field))
}

/** Bodies that are no request at all, or only nearly one. */
const BODIES = [
  'null',
  '1',
  '"S"',
  '[]',
  'true',
  '{}',
  '{"name":"S"',
  '{"name":"S"} ',
  ' {"name":"S"}',
  '{"name":"S"}x',
  '{"name":"S"}{"name":"S"}',
  '{"name":"S",}',
  "{'name':'S'}",
  '{"name":"S","name":"T"}',
  '{"NAME":"S"}',
  '{"Name":"S","SUBJECTS":["s"]}',
  '{"name":"S","subjects":["s"],"subjects":["t"]}',
  '{"name":"\\u0053"}',
  '{"name":"S\\n"}',
  '{"name":"S","description":"\u0001"}',
  '{"name":"S","description":"\\ud800"}',
  '{"name":"S","max_msgs":01}',
  '{"name":"S","max_msgs":1e2}',
  '{"name":"S","max_msgs":9223372036854775807}',
  '{"name":"S","max_msgs":9223372036854775808}',
  '{"name":"S","max_msg_size":2147483647}',
  '{"name":"S","max_msg_size":2147483648}',
  '{"name":"S","first_seq":281474976710655}',
  '{"name":"S","first_seq":-1}',
  '{"name":"S","unknown":{"deep":[1,2,{"a":null}]}}',
  '{"name":"S","metadata":{"a":"b","_nats.x":"y"}}',
]

for (const [index, body] of BODIES.entries()) {
  differential(`stream request body ${index}: ${body.replaceAll('\u0001', '<control>')}`, async (s) => {
    await s.api('STREAM.CREATE.S', body)
  })
}

for (const verb of [
  'STREAM.INFO.S',
  'STREAM.PURGE.S',
  'STREAM.MSG.GET.S',
  'STREAM.MSG.DELETE.S',
  'STREAM.DELETE.S',
  'STREAM.NAMES',
  'STREAM.LIST',
  'CONSUMER.NAMES.S',
  'CONSUMER.LIST.S',
  'CONSUMER.INFO.S.c',
  'CONSUMER.PAUSE.S.c',
]) {
  differential(`bodies of another type for ${verb}`, async (s) => {
    await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
    await s.request('s', 'x')
    await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { name: 'c', ack_policy: 'explicit' } })
    for (const body of [
      'null',
      '1',
      '[]',
      '{}',
      '{',
      '{"seq":"1"}',
      '{"offset":-1}',
      '{"offset":"x"}',
      '{"x":1}',
      ' ',
      '\u0000',
    ]) {
      await s.api(verb, body)
    }
  })
}
