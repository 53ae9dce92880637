/** Publishers that wait for each acknowledgement, on raw sockets: as little generator as there can be. */
import { connect, type Socket } from 'node:net'

/**
 * One connection a subject, all at once, each publishing and waiting in turn until `messages` are
 * acknowledged in all.
 * Resolves to acknowledged messages a second, connecting not counted; rejects at the first acknowledgement
 * that is an error.
 */
export async function publishSynchronously(
  port: number,
  subjects: string[],
  size: number,
  messages: number,
): Promise<number> {
  const publishers = await Promise.all(subjects.map((subject, i) => open(port, subject, i, size)))
  const each = Math.max(1, Math.floor(messages / subjects.length))
  try {
    const begun = performance.now()
    await Promise.all(publishers.map((publisher) => publisher.publish(each)))
    return (each * publishers.length) / ((performance.now() - begun) / 1000)
  } finally {
    for (const publisher of publishers) publisher.socket.destroy()
  }
}

const limitMs = 120_000

interface SyncPublisher {
  readonly socket: Socket
  publish(count: number): Promise<void>
}

function open(port: number, subject: string, index: number, size: number): Promise<SyncPublisher> {
  const inbox = `_INBOX.sync${index}`
  const publication = Buffer.from(`PUB ${subject} ${inbox} ${size}\r\n${'x'.repeat(size)}\r\n`)
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let left = 0
    let done = () => {}
    let fail: (error: Error) => void = reject
    let text = ''
    socket.on('error', (error) => fail(error))
    socket.on('close', () => fail(new Error('the server closed the connection')))
    const onLine = (line: string) => {
      if (line === 'PING') socket.write('PONG\r\n')
      else if (line === 'PONG') resolve({ socket, publish })
      else if (line.startsWith('-ERR') || line.includes('"error"') || line.includes(' 503'))
        fail(new Error(line))
      else if (!line.startsWith('{"'))
        return // A control line; or INFO, once.
      else if (--left > 0) socket.write(publication)
      else done()
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        onLine(line)
      }
    })
    const publish = (count: number) =>
      new Promise<void>((resolveAll, rejectAll) => {
        const timer = setTimeout(
          () => fail(new Error(`${left} publications not acknowledged in time`)),
          limitMs,
        )
        const settled = (settle: () => void) => {
          clearTimeout(timer)
          settle()
        }
        left = count
        done = () => settled(resolveAll)
        fail = (error) => settled(() => rejectAll(error))
        socket.write(publication)
      })
    const options =
      '{"verbose":false,"pedantic":false,"lang":"bench","version":"1","protocol":1,"headers":true,"no_responders":true}'
    socket.write(`CONNECT ${options}\r\nSUB ${inbox} 1\r\nPING\r\n`)
  })
}
