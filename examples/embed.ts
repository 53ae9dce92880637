/** A durable NATS server inside a Node program, used without a socket. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Server } from 'contrail/server'

const server = await Server.start({ storeDir: process.argv[2] ?? './data' })
const connection = await server.connect()

const manager = await jetstreamManager(connection)
await manager.streams.add({ name: 'ORDERS', subjects: ['orders.>'] })
await manager.consumers.add('ORDERS', { durable_name: 'billing', ack_policy: 'explicit' })

const js = jetstream(connection)
const ack = await js.publish('orders.new', JSON.stringify({ id: 1 }))
console.log(`on disk as message ${ack.seq}`)

const billing = await js.consumers.get('ORDERS', 'billing')
const message = await billing.next()
console.log(`billing got ${message?.string()}`)
message?.ack()

await connection.drain()
await server.stop()
