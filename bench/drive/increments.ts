/** Increments of counters on one raw connection, many in flight: cheap for the generator, so that the server is what is measured. */
import { connect } from 'node:net'

const CONNECT =
  'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\nSUB acks 1\r\nPING\r\n'
const HEAD = 'NATS/1.0\r\nNats-Incr: +1\r\n\r\n'
const ACK = Buffer.from('MSG acks ')
const BAD = Buffer.from('"error"')

/** Increments `subjects` in turns; resolves to increments a second, rejects when one is refused. */
export function incrementCounters(
  port: number,
  subjects: readonly string[],
  increments: number,
  inFlight: number,
): Promise<number> {
  const lines = subjects.map((subject) => `HPUB ${subject} acks ${HEAD.length} ${HEAD.length}\r\n${HEAD}\r\n`)
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let sent = 0
    let acked = 0
    let begun = 0
    let rest = Buffer.alloc(0)
    const fill = (): void => {
      const parts: string[] = []
      while (sent < increments && sent - acked < inFlight) parts.push(lines[sent++ % lines.length])
      if (parts.length > 0) socket.write(parts.join(''))
    }
    socket.on('error', reject)
    socket.once('data', () => socket.write(CONNECT))
    socket.on('data', (chunk) => {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      if (bytes.includes('PING\r\n')) socket.write('PONG\r\n')
      if (begun === 0) {
        if (!bytes.includes('PONG\r\n')) return
        begun = performance.now()
        fill()
        return
      }
      if (bytes.includes(BAD)) reject(new Error(bytes.toString()))
      let at = 0
      for (let found = bytes.indexOf(ACK); found >= 0; found = bytes.indexOf(ACK, at)) {
        acked++
        at = found + ACK.length
      }
      // A piece of the next line may be at the end.
      rest = bytes.subarray(Math.max(at, bytes.length - ACK.length + 1))
      if (acked < increments) {
        fill()
        return
      }
      socket.destroy()
      resolve(increments / ((performance.now() - begun) / 1000))
    })
  })
}
