import { differential } from '../harness.ts'

const VALUES = [
  'never',
  'NEVER',
  '0',
  '0s',
  '00',
  '1',
  '5',
  '+5',
  '1.5',
  '-1',
  '1s',
  '1500ms',
  '999ms',
  '1h2m',
  '+2s',
  'x',
  '5 s',
]

for (const allowed of [true, false]) {
  differential(`values of Nats-TTL, ${allowed ? 'allowed' : 'not allowed'}`, async (s) => {
    await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], allow_msg_ttl: allowed })
    for (const value of VALUES) await s.request('s.a', value, `Nats-TTL: ${value}`)
  })
}

differential('message TTLs can be enabled, not disabled', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.*'], allow_msg_ttl: true })
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.*'] })
  await s.api('STREAM.INFO.S')
})

differential('messages are gone after their TTL, and stay beyond max_age with never', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], allow_msg_ttl: true, max_age: 1e9 })
  await s.api('STREAM.CREATE.T', { name: 'T', subjects: ['t.*'], allow_msg_ttl: true })
  await s.request('s.a', 'one')
  await s.request('s.a', 'two', 'Nats-TTL: never')
  await s.request('s.b', 'three', 'Nats-TTL: 1h')
  await s.request('t.a', 'one', 'Nats-TTL: 1')
  await s.request('t.a', 'two', 'Nats-TTL: 1h')
  await s.request('t.a', 'three')
  await new Promise((resolve) => setTimeout(resolve, 3000))
  await s.api('STREAM.INFO.S', { deleted_details: true })
  await s.api('STREAM.INFO.T', { deleted_details: true })
})
