/** The framework's tests (test/app), which `npm test` runs on the embedded broker, on a real nats-server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frameworkFiles, runTestFile } from './framework-files.ts'
import { PeerServer } from './servers.ts'

for (const file of frameworkFiles()) {
  test(`${file.replace('.js', '.ts')} passes on nats-server`, async () => {
    const server = await new PeerServer('nats-server').start()
    try {
      const { code, output } = await runTestFile(file, { CONTRAIL_TEST_SERVERS: server.url })
      assert.equal(code, 0, output)
      assert.match(output, /pass [1-9]/, 'its tests ran')
    } finally {
      await server.dispose()
    }
  })
}
