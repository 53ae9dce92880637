/** Configuration files that nats-server starts with start Contrail, which says the same in INFO and warns of the same. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { snippets } from './configs/snippets.ts'
import { freePort, type Kind, PeerServer, root } from './servers.ts'

const folder = join(root, 'test', 'peers', 'configs')
const scratch = mkdtempSync(join(tmpdir(), 'contrail-starts-'))
after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }))
// What the Helm chart's pod has in its environment.
process.env.SERVER_NAME = 'nats-0'

/** One or two of each family that are taken. */
const STARTED =
  /^(port|listen-address|server-name|http-port|max-(payload|conn|pending)|ping-interval|write-deadline|write-timeout-close|switched-off|lame-duck|debug-and-trace|tags-array|metadata|feature-flags|jetstream-(true|enabled|sizes|sync|encrypted|strict|queues|io|meta)|cluster-(empty|port)|authorization-(user|token)|limits-all|security-(00|02|14)|account-(00|04|17|26|30|31|32)|import-(00|01|05|10)|tls-(00|05|10|13|23)|tls-allow-non-tls|websocket-(00|05|12)|top-(00|01|17|20|22|24))$/

/** Folders of a machine as folders of the test; that of JetStream is said by a flag. */
function moved(text: string): string {
  const elsewhere = text.replace(/"?store_dir"?\s*[:=]?\s*"[^"]*",?/g, '')
  return elsewhere.replace(/"(\/(?:var|run|data)[^"]*)"/g, (_, path: string) => {
    mkdirSync(dirname(join(scratch, path)), { recursive: true })
    return JSON.stringify(join(scratch, path))
  })
}

const texts = new Map<string, string>()
for (const file of readdirSync(folder))
  if (file.endsWith('.conf')) texts.set(file, readFileSync(join(folder, file), 'utf8'))
for (const [name, text] of snippets()) if (STARTED.test(name)) texts.set(name, text)
// Beside the files that they include.
const included = join(folder, 'included')
mkdirSync(join(scratch, 'included'))
for (const file of readdirSync(included))
  writeFileSync(join(scratch, 'included', file), readFileSync(join(included, file)))

/** `cluster`: nats-server says the name of a block that has no routes; here the block has no effect. */
const OF_THE_SERVER = new Set(
  'cluster server_id version go git_commit host port client_id client_ip nonce xkey connect_info'.split(' '),
)

function infoOf(port: number): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`no INFO: ${text}`)))
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      const [, json] = /^INFO (.*)\r\n/.exec(text) ?? []
      if (json === undefined) return
      resolve(Object.fromEntries(Object.entries(JSON.parse(json)).filter(([key]) => !OF_THE_SERVER.has(key))))
      socket.destroy()
    })
  })
}

/** INFO and the warnings of a server with this file. */
async function started(
  kind: Kind,
  file: string,
): Promise<{ info: Record<string, unknown>; warnings: string[] }> {
  const server = new PeerServer(kind, { flags: ['-c', file, '-m', `${await freePort()}`] })
  try {
    await server.start()
    const info = await infoOf(server.port)
    // The name is the id where none is given.
    if (/^N[A-Z2-7]{55}$/.test(String(info.server_name))) info.server_name = 'the id'
    await server.stop()
    // Of those who only looked whether it answers there are handshakes that fail.
    const lines = server.output.match(/\[(WRN|ERR)\].*/g) ?? []
    return {
      info,
      warnings: lines.filter((line) => !/"cluster" has no effect|TLS handshake error/.test(line)).sort(),
    }
  } finally {
    await server.dispose()
  }
}

test(`${texts.size} configuration files`, () => assert.ok(texts.size >= 60, `${texts.size}`))

for (const [name, text] of texts) {
  test(`both start with ${name}`, async () => {
    const file = join(scratch, `${name}.started.conf`)
    writeFileSync(file, moved(text))
    // One after the other: they want the same ports.
    const real = await started('nats-server', file)
    assert.deepEqual(await started('contrail', file), real)
  })
}
