/** Requests with fields that nobody knows, where `strict` is off. */
import { differential, serversWith } from '../harness.ts'

serversWith({ flags: [], config: 'jetstream { strict: false, limits { max_ha_assets: 3 } }' })

const REQUESTS: readonly (readonly [string, string])[] = [
  [
    'STREAM.CREATE.S',
    '{"name":"S","foo":1,"consumer_limits":{"bar":1},"republish":{"src":"S","dest":"o","baz":{}}}',
  ],
  ['STREAM.CREATE.S', '{"name":"S"'],
  ['STREAM.CREATE.S', '{"name":5,"foo":1}'],
  ['STREAM.CREATE.T', '{"name":"T"} {"x":1}'],
  ['STREAM.CREATE.T', '{"name":"T","x":1} ["a"]'],
  ['STREAM.CREATE.T', '{"name":"T","x":1} 7'],
  ['STREAM.CREATE.T', '{"name":"T"} x'],
  ['STREAM.CREATE.T', '{"name":"T"} {"description":"two in one"}'],
  ['STREAM.CREATE.T', '[1]'],
  ['STREAM.UPDATE.S', '{"name":"S","foo":1,"republish":{"src":"S","dest":"o"}}'],
  ['STREAM.LIST', '{"foo":1}'],
  ['STREAM.NAMES', '{"foo":1,"subject":5}'],
  ['STREAM.INFO.S', '{"foo":2}'],
  ['CONSUMER.CREATE.S.c', '{"stream_name":"S","config":{"name":"c","zip":2},"a":1}'],
  ['CONSUMER.CREATE.S.d', '{"stream_name":"S","config":{"name":"d","ack_policy":2}}'],
  ['CONSUMER.LIST.S', '{"foo":2}'],
  ['CONSUMER.PAUSE.S.c', '{"foo":2}'],
  ['STREAM.MSG.GET.S', '{"seq":1,"foo":2}'],
  ['STREAM.MSG.DELETE.S', '{"seq":1,"foo":2}'],
  ['STREAM.PURGE.S', '{"foo":2}'],
  ['STREAM.SNAPSHOT.S', '{"foo":2}'],
  ['STREAM.RESTORE.R', '{"foo":2,"config":{"name":"R","foo":1,"subjects":["a..b"]}}'],
]

differential('fields that nobody knows are passed over', async (s) => {
  for (const [subject, body] of REQUESTS) await s.api(subject, body)
})
