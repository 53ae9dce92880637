/** nats-py against Contrail. */
import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { natsCli, PeerServer, python } from '../servers.ts'
import { Program } from './program.ts'

let server: PeerServer

before(async () => {
  server = await new PeerServer('contrail').start()
})

after(() => server?.dispose())

test('nats-py: core, publishing, pull, push and ordered consumers, key-value, objects', async () => {
  // tsc copies no Python: the script stays beside the sources, found from the root that .peers is in.
  const root = dirname(dirname(dirname(natsCli)))
  const script = join(root, 'test', 'peers', 'clients', 'nats_py.py')
  const { code, stdout, output } = await new Program(python, [script, server.url]).end()
  assert.equal(code, 0, output)
  assert.deepEqual(JSON.parse(stdout), {
    passed: ['core', 'publishing', 'pull', 'push', 'ordered', 'managing', 'key_value', 'object_store'],
    refused: [],
  })
})
