/** nsc makes operators, accounts and users, and pushes them to servers with either kind of resolver. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { connect, credsAuthenticator } from '@nats-io/transport-node'
import { freePort, type Kind, PeerServer } from '../servers.ts'
import { runTool } from './run-tool.ts'
import { toolPath, toolTest } from './tools.ts'

const kinds: readonly Kind[] = ['nats-server', 'contrail']

/** A home of nsc's, with an operator, the accounts SYS and A, and A's user u. */
class Nsc {
  readonly home = mkdtempSync(join(tmpdir(), 'contrail-nsc-'))
  readonly port: number
  /** What was said, line by line. */
  readonly said: string[] = []

  constructor(port: number) {
    this.port = port
  }

  async setUp(): Promise<void> {
    await this.run('init -n TEST -d', join(this.home, 'stores'))
    await this.run('add operator --name OP --sys --generate-signing-key')
    await this.run(`edit operator --account-jwt-server-url nats://127.0.0.1:${this.port}`)
    await this.run('add account A')
    await this.run('add user u -a A')
  }

  /** Notes how a command ends and what it says. */
  async run(words: string, ...more: string[]): Promise<string> {
    const { code, output } = await runTool(toolPath('nsc'), [...words.split(' '), ...more], {
      HOME: this.home,
      XDG_DATA_HOME: join(this.home, 'data'),
      XDG_CONFIG_HOME: join(this.home, 'config'),
      NKEYS_PATH: join(this.home, 'keys'),
      NSC_NO_GIT_IGNORE: 'true',
    })
    // Who does something wrong is shown how it is done.
    const lines = output
      .replace(/^Usage:[\s\S]*/m, '')
      .replaceAll(this.home, '')
      .replace(/\b([NXAUO])[A-Z2-7]{55}\b/g, '<$1>')
      .replace(/127\.0\.0\.1:\d+/g, 'ADDRESS')
      // The one that came first.
      .replace(/pulled "\w+"/, 'pulled "X"')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
    // Accounts come in the order of their keys.
    this.said.push(`nsc ${words.replace(/:\d+$/, '')}: ${code}`, ...lines.sort())
    return output
  }

  credentials(account: string, user: string): Uint8Array {
    const folder = join(this.home, 'keys', 'creds', 'OP', account)
    return readFileSync(join(folder, readdirSync(folder).find((name) => name.startsWith(user)) ?? 'none'))
  }

  /** Whether a user may come in, or what it is told. */
  async tries(account: string, user: string): Promise<void> {
    const authenticator = credsAuthenticator(this.credentials(account, user))
    const come = (): Promise<string> =>
      connect({ port: this.port, authenticator, reconnect: false }).then(
        (client) => client.close().then(() => 'is let in'),
        (error: Error) => error.message,
      )
    let outcome = await come()
    // Who is turned away may still be writing, and then not read why.
    for (let more = 5; more > 0 && /EPIPE|ECONNRESET/.test(outcome); more--) outcome = await come()
    this.said.push(`${user} of ${account}: ${outcome}`)
  }
}

/** The same on both sides: `script` says what nsc and the users of its accounts do, while the server runs with nsc's configuration. */
async function same(
  t: TestContext,
  resolver: string,
  script: (nsc: Nsc) => Promise<void>,
): Promise<string[]> {
  const [real, ours] = await Promise.all(
    kinds.map(async (kind) => {
      const nsc = new Nsc(await freePort())
      t.after(() => rmSync(nsc.home, { recursive: true, force: true, maxRetries: 3 }))
      await nsc.setUp()
      const file = join(nsc.home, 'resolver.conf')
      await nsc.run(`generate config --${resolver} --sys-account SYS --force --config-file`, file)
      const config = readFileSync(file, 'utf8')
        .replace("'./jwt'", JSON.stringify(join(nsc.home, 'jwt')))
        .replace('allow_delete: false', 'allow_delete: true')
      writeFileSync(file, config)
      const server = new PeerServer(kind, { flags: ['-js', '-c', file] })
      t.after(() => server.dispose())
      server.port = nsc.port
      await server.start()
      await script(nsc)
      return nsc.said
    }),
  )
  assert.deepEqual(ours, real)
  return real
}

toolTest('nsc', 'nsc with the resolver in memory', async (t) => {
  const said = await same(t, 'mem-resolver', async (nsc) => {
    await nsc.tries('A', 'u')
    await nsc.run('add account B')
    await nsc.run('add user v -a B')
    await nsc.tries('B', 'v')
    await nsc.run('push -a B')
    await nsc.run('pull -A')
  })
  assert.ok(said.includes('u of A: is let in'), said.join('\n'))
})

toolTest('nsc', 'nsc with the full resolver: push, pull, diff, prune', async (t) => {
  const said = await same(t, 'nats-resolver', async (nsc) => {
    await nsc.tries('A', 'u')
    await nsc.run('push -A')
    await nsc.tries('A', 'u')
    await nsc.run('add account B')
    await nsc.run('add user v -a B')
    await nsc.run('push -a B')
    await nsc.tries('B', 'v')
    await nsc.run('edit account A --conns 0')
    await nsc.run('revocations add-user -a B --name v')
    await nsc.run('push -A')
    await nsc.tries('A', 'u')
    await nsc.tries('B', 'v')
    await nsc.run('pull -A')
    await nsc.run('delete account B --force')
    await nsc.run('push -P')
  })
  assert.ok(said.includes('v of B: is let in'), said.join('\n'))
})
