/** nats-top, written to a file once. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program } from '../clients/program.ts'
import { toolPath, toolTest, UsedServer } from './tools.ts'

/** Without what is of the process and the moment: its load, ports, times, and ids (nats-server's own clients take some). */
function plain(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line
        .replace(/CPU: [\d.]+% +Memory: [\d.]+M/, 'CPU: C Memory: M')
        .replace(/uptime: [\dhms]+/, 'uptime: U')
        .replace(/127\.0\.0\.1:\d+\s+\d+/, 'ADDRESS CID')
        .replace(/\d+s\s+\d{4}-\d\d-\d\d [\d:.]+ \+0000 UTC/, 'UPTIME LAST')
        .replace(/_INBOX\.\w+/, '_INBOX.ID')
        // Subscriptions are listed in any order.
        .replace(/LAST (.*)$/, (_, list: string) => `LAST ${list.split(/ +/).sort().join(' ')}`)
        .trimEnd(),
    )
    .filter((line) => line !== '')
}

toolTest('nats-top', 'nats-top shows what it shows of nats-server', async (t) => {
  const pair = await UsedServer.pair(t)
  for (const options of [[], ['-u'], ['-sort', 'msgs_to', '-n', '1']]) {
    const [real, ours] = await Promise.all(
      pair.map(async ({ http, server }) => {
        const file = join(server.directory, 'top.txt')
        const words = ['-s', '127.0.0.1', '-m', `${http}`, '-o', file, '-l', ' ', '-d', '1', '-r', '1']
        const { code, output } = await new Program(toolPath('nats-top'), [...words, ...options]).end()
        assert.equal(code, 0, output)
        return plain(readFileSync(file, 'utf8'))
      }),
    )
    assert.ok(
      real.some((line) => line.includes('watched')),
      real.join('\n'),
    )
    assert.deepEqual(ours, real)
  }
})
