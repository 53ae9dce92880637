/** Limits of JetStream by JWTs: of an account, and of tiers. */
import { accountJwt, NO_ACCOUNT_LIMITS, newKey, operatorJwt, type TestKey, userJwt } from '../../../jwts.ts'
import { ask } from '../claims.ts'
import { login } from '../credentials.ts'
import { differential, type Session, serversWith } from '../harness.ts'
import type { Line } from '../session.ts'

type Claims = Record<string, unknown>

const operator = newKey.operator()
const [system, flat, tiered, far, changing] = Array.from({ length: 5 }, newKey.account)
const user = newKey.user()

const tier = (limits: Claims = {}): Claims => ({
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
  ...limits,
})
const limited = (limits: Claims): Claims => ({ limits: { ...NO_ACCOUNT_LIMITS, ...limits } })
const tiers = (all: Claims): Claims => limited({ tiered_limits: all })

const accounts = {
  [system.publicKey]: accountJwt(operator, system),
  [flat.publicKey]: accountJwt(
    operator,
    flat,
    limited({
      mem_storage: 0,
      disk_storage: 1000,
      streams: 2,
      consumer: 1,
      max_ack_pending: 20,
      disk_max_stream_bytes: 600,
      max_bytes_required: true,
    }),
  ),
  [tiered.publicKey]: accountJwt(
    operator,
    tiered,
    tiers({
      R1: tier({ mem_storage: 500, disk_storage: 1000, streams: 2, consumer: 2 }),
      R3: tier({ disk_storage: 5000, max_ack_pending: 5 }),
    }),
  ),
  [far.publicKey]: accountJwt(operator, far, tiers({ R3: tier() })),
  [changing.publicKey]: accountJwt(operator, changing, limited(tier())),
}

serversWith({
  flags: ['-js'],
  config: (directory) => `
operator: "${operatorJwt(operator)}"
system_account: ${system.publicKey}
resolver: { type: full, dir: ${JSON.stringify(`${directory}/jwts`)} }
jetstream { max_memory_store: 100000, max_file_store: 100000 }
resolver_preload: {
  ${Object.entries(accounts)
    .map(([key, jwt]) => `${key}: "${jwt}"`)
    .join('\n  ')}
}
`,
})

function enter(s: Session, name: string, account: TestKey): Promise<Line> {
  return s.open(name, ({ nonce }) => login({ jwt: userJwt(account, user), sig: user.sign(`${nonce}`) }))
}

const stream = (name: string, config: object = {}): object => ({ name, subjects: [`${name}.>`], ...config })

async function use(s: Session, line: Line): Promise<void> {
  const api = (subject: string, body?: object): Promise<void> =>
    ask(s, line, `$JS.API.${subject}`, body === undefined ? '' : JSON.stringify(body))
  await api('INFO')
  for (const config of [
    {},
    { max_bytes: 700 },
    { max_bytes: 600, storage: 'memory' },
    { max_bytes: 600, num_replicas: 3 },
    { max_bytes: 600 },
  ])
    await api('STREAM.CREATE.A', stream('A', config))
  await api('STREAM.CREATE.B', stream('B', { max_bytes: 500 }))
  await api('STREAM.CREATE.B', stream('B', { max_bytes: 400 }))
  await api('STREAM.CREATE.C', stream('C', { max_bytes: 1 }))
  for (const name of ['c', 'd', 'e'])
    await api(`CONSUMER.CREATE.A.${name}`, {
      stream_name: 'A',
      config: { name, durable_name: name, ack_policy: 'explicit' },
    })
  for (let i = 0; i < 5; i++) await ask(s, line, 'A.x', 'x'.repeat(300))
  await api('INFO')
  for (const name of ['A', 'B']) await api(`STREAM.DELETE.${name}`)
  await api('INFO')
}

differential('limits of an account', async (s) => use(s, await enter(s, 'flat', flat)))
differential('limits of tiers', async (s) => use(s, await enter(s, 'tiered', tiered)))
differential('no limits for streams of one copy', async (s) => use(s, await enter(s, 'far', far)))

differential('limits that change', async (s) => {
  const admin = await enter(s, 'system', system)
  const line = await enter(s, 'changing', changing)
  const api = (subject: string, body?: object): Promise<void> =>
    ask(s, line, `$JS.API.${subject}`, body === undefined ? '' : JSON.stringify(body))
  const change = async (claims: Claims): Promise<void> => {
    await ask(s, admin, '$SYS.REQ.CLAIMS.UPDATE', accountJwt(operator, changing, claims))
    await s.wait(50)
    await api('INFO')
  }
  await api('STREAM.CREATE.A', stream('A', { max_bytes: 5000 }))
  await ask(s, line, 'A.x', 'x'.repeat(300))
  await change(limited(tier({ disk_storage: 100 })))
  await ask(s, line, 'A.x', 'x')
  await api('STREAM.UPDATE.A', stream('A', { max_bytes: 4000 }))
  await api('STREAM.UPDATE.A', stream('A', { max_bytes: 50 }))
  // More than the server has.
  await change(limited(tier({ disk_storage: 1_000_000 })))
  await change(limited(tier({ disk_storage: 4000, max_bytes_required: true })))
  await ask(s, line, 'A.x', 'x')
  await api('STREAM.UPDATE.A', stream('A'))
  await change(limited({}))
  await change(limited(tier({ disk_storage: 4000 })))
  await api('STREAM.NAMES')
  await ask(s, admin, `$SYS.REQ.ACCOUNT.${changing.publicKey}.JSZ`, '{}')
  await api('STREAM.DELETE.A')
})
