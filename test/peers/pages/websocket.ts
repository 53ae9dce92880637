/** Bundled for a browser: a client by WebSocket that watches a bucket, and says what it saw. */
import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { wsconnect } from '@nats-io/nats-core'

async function watchStock(servers: string): Promise<string[]> {
  const nc = await wsconnect({ servers, user: 'web', pass: 'secret', reconnect: false, timeout: 5000 })
  try {
    const stock = await new Kvm(jetstream(nc)).create('stock')
    await stock.put('nuts', 'three')
    const seen: string[] = []
    for await (const { key, operation, string } of await bucketOf(stock)) {
      seen.push(`${operation} ${key}${operation === 'PUT' ? ` ${string}` : ''}`)
      if (seen.length === 1) await stock.put('nuts', 'x'.repeat(100_000))
      if (seen.length === 2) await stock.delete('nuts')
      if (seen.length === 3) break
    }
    return seen.map((each) => each.slice(0, 20))
  } finally {
    await nc.close()
  }
}

async function* bucketOf(
  stock: Awaited<ReturnType<Kvm['create']>>,
): AsyncIterable<{ key: string; operation: string; string: string }> {
  for await (const entry of await stock.watch()) {
    yield { key: entry.key, operation: entry.operation, string: entry.string() }
  }
}

Object.assign(globalThis, { watchStock })
