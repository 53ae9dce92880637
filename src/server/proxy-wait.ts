import type { Socket } from 'node:net'
import { type ProxyHeader, readProxyHeader } from './proxy-header.ts'

/** A proxy has so long to say who comes, milliseconds: twice what one read of nats-server waits. */
const PROXY_MS = 10_000

type WholeHeader = Exclude<ProxyHeader, { kind: 'cut' }>

/** Waits for what a proxy says, and leaves what comes behind it to be read. Who sends too little is told of as one that is bad. */
export function awaitProxyHeader(socket: Socket, tell: (header: WholeHeader) => void): void {
  let bytes = Buffer.alloc(0)
  const end = (header: WholeHeader): void => {
    clearTimeout(timer)
    socket.off('data', onData)
    socket.pause()
    const rest = header.kind === 'read' ? bytes.subarray(header.length) : bytes
    if (rest.length > 0 && header.kind !== 'bad') socket.unshift(rest)
    tell(header)
  }
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk])
    const header = readProxyHeader(bytes)
    if (header.kind !== 'cut') end(header)
  }
  const timer = setTimeout(
    () => end({ kind: 'bad', reason: 'timeout reading PROXY protocol header' }),
    PROXY_MS,
  )
  socket.on('data', onData)
  socket.once('close', () => clearTimeout(timer))
}
