/** More than a server can take: memory stays bounded, limits are enforced with their errors, and others are served. */

import { connect as dial, type Socket } from 'node:net'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { freePort, PeerServer } from '../peers/servers.ts'
import type { Outcome } from './main.ts'
import { varz } from './varz.ts'

const CONNECTIONS = 5000
const SUBSCRIPTIONS = 100_000
const FLOOD_MESSAGES = 200_000
const PULL_REQUESTS = 100_000
const DEAF_MIB = 100
const UNREAD_ACKS = 1_000_000
const MAX_PENDING = 8 * 1024 * 1024
/** What the server's process may take at any moment of all this. */
const MOST_RESIDENT_MIB = 512
const MOST_LATENCY_MS = 2000

export async function overload(progress: (text: string) => void): Promise<Outcome> {
  const failures: string[] = []
  const monitor = await freePort()
  const server = await new PeerServer('contrail', {
    flags: ['-js', '-m', `${monitor}`],
    config: `max_pending: ${MAX_PENDING}\n`,
  }).start()
  let worstMs = 0
  let mostMiB = 0
  const nc = await connect({ servers: server.url })
  const other = await connect({ servers: server.url })
  /** Somebody else's request, while all this goes on. */
  const served = async (what: string) => {
    const begun = performance.now()
    await other.flush()
    const took = performance.now() - begun
    worstMs = Math.max(worstMs, took)
    const { memMiB } = await varz(monitor)
    mostMiB = Math.max(mostMiB, memMiB)
    progress(`overload: ${what}, answered in ${took.toFixed(0)} ms, ${memMiB} MiB`)
    if (took > MOST_LATENCY_MS) failures.push(`${what}: another client waited ${took.toFixed(0)} ms`)
    if (memMiB > MOST_RESIDENT_MIB) failures.push(`${what}: the server takes ${memMiB} MiB`)
  }
  const jsm = await jetstreamManager(nc)
  try {
    const sockets = await openConnections(server.port, CONNECTIONS)
    await served(`${CONNECTIONS} connections`)
    const { connections } = await varz(monitor)
    if (connections < CONNECTIONS) failures.push(`${connections} connections are open`)
    for (const socket of sockets) socket.destroy()
    await subscriptions(server.url, () => served(`${SUBSCRIPTIONS} subscriptions`))
    failures.push(...(await deaf(server.port, nc, () => served('a reader that does not read'))))
    await jsm.streams.add({ name: 'F', subjects: ['f'], max_msgs: 1000, discard: 'new' })
    for (let i = 0; i < FLOOD_MESSAGES; i++) {
      nc.publish('f', 'x')
      if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await served('a flood to a full stream')
    const { state } = await jsm.streams.info('F')
    if (state.messages !== 1000) failures.push(`the full stream has ${state.messages} messages`)
    await jsm.streams.add({ name: 'G', subjects: ['g'], max_msgs: 1000 })
    failures.push(...(await unreadAcks(server.port, () => served('a publisher that does not read its acks'))))
    failures.push(...(await pulls(nc)))
    await served(`${PULL_REQUESTS} pull requests`)
  } finally {
    await nc.close()
    await other.close()
    await server.dispose()
  }
  return {
    part: 'overload',
    tried: `${CONNECTIONS} connections, ${SUBSCRIPTIONS} subscriptions, a deaf reader of ${DEAF_MIB} MiB, ${FLOOD_MESSAGES} messages to a full stream, a publisher of ${UNREAD_ACKS} that reads no acks, ${PULL_REQUESTS} pull requests`,
    acknowledged: `the server took ${mostMiB} MiB at most (bound ${MOST_RESIDENT_MIB}), others waited ${worstMs.toFixed(0)} ms at most`,
    lost: 0,
    wrong: failures.length,
    failures,
  }
}

async function openConnections(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = dial(port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.write('CONNECT {"verbose":false}\r\n')
  }
  return sockets
}

async function subscriptions(url: string, served: () => Promise<void>): Promise<void> {
  const nc = await connect({ servers: url })
  for (let i = 0; i < SUBSCRIPTIONS; i++) nc.subscribe(`many.${i}.*`, { callback: () => {} })
  await nc.flush()
  await served()
  await nc.close()
}

/** A client that subscribes and never reads is cut off as a slow consumer. */
async function deaf(port: number, nc: NatsConnection, served: () => Promise<void>): Promise<string[]> {
  const socket = dial(port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('data', resolve))
  const closed = new Promise<boolean>((resolve) => {
    socket.once('close', () => resolve(true))
    setTimeout(() => resolve(false), 20_000).unref()
  })
  socket.write('CONNECT {"verbose":false}\r\nSUB deaf 1\r\n')
  socket.pause()
  const payload = new Uint8Array(64 * 1024)
  for (let i = 0; i < DEAF_MIB * 16; i++) {
    nc.publish('deaf', payload)
    if (i % 16 === 0) await nc.flush()
  }
  await served()
  socket.resume()
  return (await closed) ? [] : ['a reader that does not read was not cut off']
}

/** A client that publishes to a stream and reads no acknowledgement is paused, or cut off: its acks don't pile up. */
async function unreadAcks(port: number, served: () => Promise<void>): Promise<string[]> {
  const socket = dial(port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('data', resolve))
  let isClosed = false
  socket.once('close', () => {
    isClosed = true
  })
  socket.write('CONNECT {"verbose":false}\r\nSUB acks.* 1\r\n')
  socket.pause()
  const batch = Buffer.from('PUB g acks.1 1\r\nx\r\n'.repeat(1000))
  for (let sent = 0; sent < UNREAD_ACKS && !isClosed; sent += 1000) {
    if (!socket.write(batch)) {
      // Full: it goes on when the server has read, and that may be never.
      await Promise.race([
        new Promise((resolve) => socket.once('drain', resolve)),
        new Promise((resolve) => setTimeout(resolve, 1000)),
      ])
      if (socket.writableLength > 64 * 1024 * 1024) break
    }
  }
  await served()
  socket.destroy()
  return []
}

/** Requests beyond max_waiting get their status, and nothing is kept of them. */
async function pulls(nc: NatsConnection): Promise<string[]> {
  const jsm = await jetstreamManager(nc)
  await jsm.consumers.add('F', {
    durable_name: 'p',
    ack_policy: 'explicit',
    filter_subject: 'f',
    deliver_policy: 'new',
  })
  let refused = 0
  const inbox = 'overload.pulls'
  const subscription = nc.subscribe(inbox, {
    callback: (_, message) => {
      if (message.headers?.code === 409) refused++
    },
  })
  for (let i = 0; i < PULL_REQUESTS; i++) {
    nc.publish('$JS.API.CONSUMER.MSG.NEXT.F.p', '{"batch":1,"expires":60000000000}', { reply: inbox })
    if (i % 1000 === 0) await nc.flush()
  }
  await nc.flush()
  const { num_waiting: waiting } = await jsm.consumers.info('F', 'p')
  subscription.unsubscribe()
  if (waiting > 512) return [`${waiting} pull requests wait, 512 are allowed`]
  return refused < PULL_REQUESTS - 512 ? [`only ${refused} requests were refused`] : []
}
