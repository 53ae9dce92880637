import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { start } from './support.ts'

const run = promisify(execFile)
const examples = join(import.meta.dirname, '..', '..', 'examples')

async function output(name: string, ...words: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(examples, name), ...words])
  return stdout
}

test('examples/embed.ts', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-example-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.equal(await output('embed.js', folder), 'on disk as message 1\nbilling got {"id":1}\n')
  // Once more: the stream and the consumer's place in it are still there.
  assert.equal(await output('embed.js', folder), 'on disk as message 2\nbilling got {"id":1}\n')
})

test('examples/client.ts', async (t) => {
  const server = await start(t, { port: 0, jetstream: true })
  assert.equal(await output('client.js', server.url), 'colour is blue, revision 1\n')
})
