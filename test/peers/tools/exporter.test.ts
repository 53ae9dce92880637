/** prometheus-nats-exporter, with the flags and the address that the Helm chart gives it. */
import assert from 'node:assert/strict'
import { metrics, pageOf, toolTest, UsedServer, withAccounts } from './tools.ts'

/** By the moment, the process, or how interest is kept: Contrail has no cache of what matches. */
const varying =
  /_(cpu|mem|start|config_load_time|gomaxprocs|uptime|num_subscriptions|subscriptions|num_inserts|num_removes|num_matches|num_cache|cache_hit_rate|max_fanout|avg_fanout|out_bytes|out_client_bytes|sent_bytes|last_activity|last_ack_seconds|last_delivery_seconds|idle|http_port|varz_port|rtt|pending_bytes|jetstream_stats_storage)\{/
/** Its collectors ask side by side: which pages had been asked for is by chance. */
const byChance = /http_req_stats/

for (const [name, config] of [
  ['one account', ''],
  ['accounts', withAccounts],
] as const) {
  toolTest(
    'prometheus-nats-exporter',
    `the exporter shows what it shows of nats-server: ${name}`,
    async (t) => {
      const [real, ours] = await Promise.all(
        (await UsedServer.pair(t, config)).map(async ({ http }) => {
          const words = (port: number): string[] => [
            ...['-port', `${port}`, '-a', '127.0.0.1'],
            ...['-connz', '-routez', '-subz', '-varz', '-jsz=all', '-prefix=nats', '-use_internal_server_id'],
            ...['-healthz', '-accstatz', '-accountz', '-gatewayz', '-leafz', '-connz_detailed'],
            `http://127.0.0.1:${http}/`,
          ]
          return metrics(
            await pageOf(t, 'prometheus-nats-exporter', words, 'nats_consumer_num_pending'),
            varying,
            byChance,
          )
        }),
      )
      assert.ok(real.length > 300, `${real.length} lines`)
      assert.deepEqual(ours, real)
    },
  )
}
