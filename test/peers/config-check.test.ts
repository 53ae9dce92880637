/** `-t` says of each configuration file what nats-server says: the files of configs/, and the short ones in its snippets.txt. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { snippets } from './configs/snippets.ts'
import { contrailServer, natsServer, needPeer, root } from './servers.ts'

const folder = join(root, 'test', 'peers', 'configs')
const scratch = mkdtempSync(join(tmpdir(), 'contrail-configs-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
/** What the Helm chart's pod has in its environment. */
const environment = { ...process.env, SERVER_NAME: 'nats-0' }

const files = readdirSync(folder)
  .filter((name) => name.endsWith('.conf'))
  .map((name) => join(folder, name))
for (const [name, text] of snippets()) {
  const path = join(scratch, `${name}.conf`)
  writeFileSync(path, text)
  files.push(path)
}

/** Keys that are not served, and what is said of them; nats-server takes each. */
const refused: Readonly<Record<string, RegExp>> = {
  'gateway { name: a, port: 7222 }': /"gateway" is not supported: .*`contrail move` takes the streams along/,
  'leafnodes { port: 7422 }': /"leafnodes" is not supported: .*`contrail move` takes the streams along/,
  'cluster { port: 6222, routes: ["nats-route://127.0.0.1:6223"] }':
    /"routes" is not supported: .*contrail move/,
  'mqtt { port: 1883 }': /"mqtt" is not supported: .*`contrail move`/,
  'prof_port: 65432': /"prof_port" is not supported: it is Go's profiler/,
  'jetstream { tpm { keys_file: x } }': /"tpm" is not supported/,
  'feature_flags { js_ack_fc_v2: true }': /"js_ack_fc_v2" is not supported/,
}

interface Verdict {
  status: number
  lines: string[]
}

function check(program: string, words: readonly string[]): Promise<Verdict> {
  return new Promise((resolve) => {
    execFile(program, words, { env: environment }, (error, stdout, stderr) => {
      // The order of mistakes is that of a Go map; ours says more about what has no effect.
      const lines = (stdout + stderr)
        .replace(/^(contrail|nats)-server: /gm, '')
        .split('\n')
        .filter((line) => !/"cluster" has no effect/.test(line))
        .sort()
      resolve({ status: Number(error?.code ?? 0), lines })
    })
  })
}

const byNats = (file: string) => check(needPeer(natsServer), ['-t', '-c', file])
const byContrail = (file: string) => check(process.execPath, [contrailServer, '-t', '-c', file])

test(`there are ${files.length} configuration files, at least 100`, () => assert.ok(files.length >= 100))

for (const file of files) {
  const name = file.slice(file.lastIndexOf('configs') + 8).replace(/^.*[\\/]/, '')
  test(`-t agrees about ${name}`, async () => {
    const [first, ours] = await Promise.all([byNats(file), byContrail(file)])
    let theirs = first
    // Which of two it meets first is the order of a Go map, another one each time.
    for (let more = 12; more > 0 && !isDeepStrictEqual(ours, theirs); more--) theirs = await byNats(file)
    assert.deepEqual(ours, theirs)
  })
}

for (const [text, sentence] of Object.entries(refused)) {
  test(`${text} is taken by nats-server and refused here, with the reason`, async () => {
    const file = join(scratch, 'refused.conf')
    writeFileSync(file, `${text}\n`)
    assert.equal((await byNats(file)).status, 0)
    const { status, lines } = await byContrail(file)
    assert.equal(status, 1)
    assert.match(lines.join('\n'), sentence)
  })
}
