/** Operator mode by the nats command line, with files of credentials: each command says of Contrail what it says of nats-server. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { accountJwt, NO_ACCOUNT_LIMITS, newKey, operatorJwt, type TestKey, userJwt } from '../jwts.ts'
import { type Kind, natsCli, needPeer, PeerServer } from './servers.ts'

const operator = newKey.operator()
const [system, account] = [newKey.account(), newKey.account()]
const [admin, user] = [newKey.user(), newKey.user()]
const limits = { ...NO_ACCOUNT_LIMITS, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
const accounts = {
  [system.publicKey]: accountJwt(operator, system, {}, { name: 'SYS' }),
  [account.publicKey]: accountJwt(operator, account, { limits, tags: ['eu'] }, { name: 'APP' }),
}
const credentials = {
  admin: [admin, userJwt(system, admin, {}, { name: 'admin' })],
  user: [user, userJwt(account, user, { pub: { deny: ['no'] } }, { name: 'user' })],
} as const

const servers = (['nats-server', 'contrail'] as const).map(
  (kind: Kind) =>
    new PeerServer(kind, {
      config: (directory) => `
server_name: one
jetstream: enabled
operator: "${operatorJwt(operator, { system_account: system.publicKey })}"
resolver: { type: full, dir: ${JSON.stringify(join(directory, 'jwts'))}, allow_delete: true }
resolver_preload: { ${Object.entries(accounts)
        .map(([key, jwt]) => `${key}: "${jwt}"`)
        .join(', ')} }
`,
    }),
)

before(async () => {
  await Promise.all(servers.map((server) => server.start()))
  for (const { directory } of servers)
    for (const [name, [key, jwt]] of Object.entries(credentials))
      writeFileSync(join(directory, name), file(key, jwt))
})
after(() => Promise.all(servers.map((server) => server.dispose())))

function file(key: TestKey, jwt: string): string {
  const seed = new TextDecoder().decode(key.pair.getSeed())
  const part = (name: string, text: string): string =>
    `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n\n`
  return part('NATS USER JWT', jwt) + part('USER NKEY SEED', seed)
}

/** Exit code, and what is printed without what differs by the moment: numbers, times, ids, widths of columns. */
function run(server: PeerServer, who: string, words: string): Promise<{ code: number; lines: string[] }> {
  const all = [
    '-s',
    server.url,
    '--creds',
    join(server.directory, who),
    '--timeout',
    '2s',
    ...words.split(' '),
  ]
  return new Promise((resolve) => {
    execFile(needPeer(natsCli), all, (error, stdout, stderr) => {
      const lines = (stdout + stderr)
        .replaceAll(server.directory, '')
        .replace(/\b[NX][A-Z2-7]{55}\b/g, 'ID')
        .replace(/[\d.,:]+(?: ?(?:[KMGT]i?B|B|bytes|ns|µs|ms|s|m|h|d)\b)?/g, '#')
        .replace(/[ ─│╭╮╰╯├┤┬┴┼]+/g, ' ')
        .split('\n')
        .map((line) => line.trim())
        // What an account imports is in the order of a Go map.
        .sort()
      resolve({ code: Number(error?.code ?? 0), lines })
    })
  })
}

for (const [who, words] of [
  ['user', 'account info'],
  ['admin', 'account info'],
  ['user', 'pub x hello'],
  ['user', 'stream add S --subjects s --storage memory --defaults'],
  ['user', 'stream ls'],
  ['admin', 'stream ls'],
  ['admin', `server request account ${account.publicKey} --filter x`],
  ['admin', 'server ls'],
  ['admin', 'server account info APP'],
  ['admin', `server account info ${account.publicKey}`],
  ['user', 'server ls'],
  ['admin', 'server report accounts'],
  ['admin', 'server report jetstream'],
] as const) {
  test(`nats ${words}, by ${who}`, async () => {
    const [real, ours] = await Promise.all(servers.map((server) => run(server, who, words)))
    assert.deepEqual(ours, real)
  })
}
