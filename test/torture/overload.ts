/** More than a server can take: memory stays bounded, limits are enforced with their errors, and others are served. */

import { connect as dial, type Socket } from 'node:net'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { Server } from '../../src/server/index.ts'
import type { Outcome } from './main.ts'

const CONNECTIONS = 2000
const SUBSCRIPTIONS = 100_000
const FLOOD_MESSAGES = 200_000
const PULL_REQUESTS = 100_000
const DEAF_MIB = 100
const MOST_GROWTH_MIB = 1024
const MOST_LATENCY_MS = 2000

export async function overload(progress: (text: string) => void): Promise<Outcome> {
  const failures: string[] = []
  const server = await Server.start({ port: 0, jetstream: true, maxPending: 8 * 1024 * 1024 })
  const before = process.memoryUsage.rss()
  let worstMs = 0
  const nc = await connect({ servers: server.url })
  /** Somebody else's request, while all this goes on. */
  const served = async (what: string) => {
    const begun = performance.now()
    await nc.flush()
    const took = performance.now() - begun
    worstMs = Math.max(worstMs, took)
    progress(`overload: ${what}, answered in ${took.toFixed(0)} ms`)
    if (took > MOST_LATENCY_MS) failures.push(`${what}: another client waited ${took.toFixed(0)} ms`)
  }
  const jsm = await jetstreamManager(nc)
  try {
    const sockets = await openConnections(server.port as number, CONNECTIONS)
    await served(`${CONNECTIONS} connections`)
    for (const socket of sockets) socket.destroy()
    await subscriptions(server.url)
    await served(`${SUBSCRIPTIONS} subscriptions`)
    failures.push(...(await deaf(server.port as number, nc)))
    await served('a reader that does not read')
    await jsm.streams.add({ name: 'F', subjects: ['f'], max_msgs: 1000, discard: 'new' })
    for (let i = 0; i < FLOOD_MESSAGES; i++) {
      nc.publish('f', 'x')
      if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await served('a flood to a full stream')
    const { state } = await jsm.streams.info('F')
    if (state.messages !== 1000) failures.push(`the full stream has ${state.messages} messages`)
    failures.push(...(await pulls(nc)))
    await served(`${PULL_REQUESTS} pull requests`)
  } finally {
    await nc.close()
    await server.stop()
  }
  const grown = Math.round((process.memoryUsage.rss() - before) / 1024 / 1024)
  if (grown > MOST_GROWTH_MIB) failures.push(`memory grew by ${grown} MiB`)
  return {
    part: 'overload',
    tried: `${CONNECTIONS} connections, ${SUBSCRIPTIONS} subscriptions, a deaf reader of ${DEAF_MIB} MiB, ${FLOOD_MESSAGES} messages to a full stream, ${PULL_REQUESTS} pull requests`,
    acknowledged: `server and clients grew by ${grown} MiB (bound ${MOST_GROWTH_MIB}), others waited ${worstMs.toFixed(0)} ms at most`,
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

async function subscriptions(url: string): Promise<void> {
  const nc = await connect({ servers: url })
  for (let i = 0; i < SUBSCRIPTIONS; i++) nc.subscribe(`many.${i}.*`, { callback: () => {} })
  await nc.flush()
  await nc.close()
}

/** A client that subscribes and never reads is cut off as a slow consumer. */
async function deaf(port: number, nc: NatsConnection): Promise<string[]> {
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
  socket.resume()
  return (await closed) ? [] : ['a reader that does not read was not cut off']
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
