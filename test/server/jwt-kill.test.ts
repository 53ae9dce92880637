import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect, jwtAuthenticator, type NatsConnection } from '@nats-io/transport-node'
import { decodeAccountClaims } from '../../src/auth/index.ts'
import { accountJwt, newKey, operatorJwt, userJwt } from '../jwts.ts'
import { eventually, Program } from './program.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'server', 'main.js')
const operator = newKey.operator()
const system = newKey.account()
const accounts = Array.from({ length: 8 }, newKey.account)
const ROUNDS = 3

async function enter(program: Program): Promise<NatsConnection> {
  const user = newKey.user()
  const authenticator = jwtAuthenticator(userJwt(system, user), user.pair.getSeed())
  return connect({ port: await program.port(), authenticator, reconnect: false })
}

/** Pushes one JWT after another of each account; the number of the last that was confirmed, and of the last that was sent. */
function push(client: NatsConnection, numbers: number[]): { confirmed: number[]; done: Promise<unknown> } {
  const confirmed = [...numbers]
  const lanes = accounts.map(async (account, at) => {
    for (;;) {
      const jwt = accountJwt(operator, account, { tags: [`n:${++numbers[at]}`, 'x'.repeat(20_000)] })
      const answer = await client.request('$SYS.REQ.CLAIMS.UPDATE', jwt, { timeout: 20_000 })
      assert.equal(answer.json<{ data: { code: number } }>().data.code, 200)
      confirmed[at] = numbers[at]
    }
  })
  return { confirmed, done: Promise.allSettled(lanes) }
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'contrail-jwt-kill-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

test('a server that is killed while JWTs are pushed has each whole, and those that were confirmed', async (t) => {
  const dir = folder(t)
  const jwts = join(dir, 'jwts')
  const config = join(dir, 'server.conf')
  writeFileSync(
    config,
    `listen: "127.0.0.1:-1"
operator: "${operatorJwt(operator, { system_account: system.publicKey })}"
resolver: { type: full, dir: "${jwts.replaceAll('\\', '/')}" }
resolver_preload: { ${system.publicKey}: "${accountJwt(operator, system)}" }
`,
  )
  const numbers = accounts.map(() => 0)
  for (let round = 0; round < ROUNDS; round++) {
    const program = new Program(t, [main, '-c', config])
    const client = await enter(program)
    const { confirmed, done } = push(client, numbers)
    const before = [...confirmed]
    await eventually(
      () => confirmed.every((number, at) => number > before[at] + round),
      () => `nothing is confirmed: ${program.output}`,
      program,
    )
    program.child.kill('SIGKILL')
    await Promise.all([program.ended, client.closed(), done])
    for (const [at, account] of accounts.entries()) {
      const jwt = readFileSync(join(jwts, `${account.publicKey}.jwt`), 'utf8')
      const { tags, head } = decodeAccountClaims(jwt)
      const kept = Number(tags[0].slice(2))
      assert.equal(head.subject, account.publicKey)
      assert.ok(kept >= confirmed[at] && kept <= numbers[at], `${confirmed[at]} <= ${kept} <= ${numbers[at]}`)
    }
    // As one is left by a kill between two steps.
    writeFileSync(join(jwts, `${accounts[0].publicKey}.jwt.new`), 'eyJ0e')
  }
  const program = new Program(t, [main, '-c', config])
  const client = await enter(program)
  for (const account of accounts) {
    const found = await client.request(`$SYS.REQ.ACCOUNT.${account.publicKey}.CLAIMS.LOOKUP`)
    assert.equal(found.string(), readFileSync(join(jwts, `${account.publicKey}.jwt`), 'utf8'))
  }
  const names = [...accounts, system].map(({ publicKey }) => `${publicKey}.jwt`)
  assert.deepEqual(readdirSync(jwts).sort(), names.sort())
  await client.close()
})
