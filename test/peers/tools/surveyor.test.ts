/** nats-surveyor, which asks the system account, and has its answers packed. */
import assert from 'node:assert/strict'
import { metrics, pageOf, toolTest, UsedServer, withAccounts } from './tools.ts'

const varying =
  /_(cpu_percentage|mem_bytes|start_time|uptime|rtt_nanoseconds|subs_count|account_sub_count|duration_seconds_\w+|bytes_sent|sent_bytes|go_memlimit_bytes)[{ ]/

toolTest('nats-surveyor', 'the surveyor shows what it shows of nats-server', async (t) => {
  const [real, ours] = await Promise.all(
    (await UsedServer.pair(t, withAccounts)).map(async ({ server }) => {
      const words = (port: number): string[] => [
        ...['--servers', server.url, '--user', 'sys', '--password', 'sys', '--count', '1'],
        ...['--addr', '127.0.0.1', '--port', `${port}`, '--accounts', '--accounts-detailed', '--jsz', 'all'],
        ...['--gatewayz', '--raftz'],
      ]
      return metrics(await pageOf(t, 'nats-surveyor', words, 'nats_consumer_num_pending'), varying)
    }),
  )
  assert.ok(real.length > 200, `${real.length} lines`)
  assert.deepEqual(ours, real)
})
