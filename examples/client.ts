/** Any NATS client, over TCP, to a server that `npm start` has started. Here: a key-value bucket. */
import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect } from '@nats-io/transport-node'

const connection = await connect({ servers: process.argv[2] ?? 'nats://127.0.0.1:4222' })
const bucket = await new Kvm(jetstream(connection)).create('settings')
await bucket.put('colour', 'blue')
const entry = await bucket.get('colour')
console.log(`colour is ${entry?.string()}, revision ${entry?.revision}`)
await connection.drain()
