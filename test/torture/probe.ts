/**
 * Somebody else on the same server: how long does an answer to PING take at most? In a thread of its own, so that what the
 * requests cost their client is not taken for the server's.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** Milliseconds between an answer and the next PING. */
const PAUSE_MS = 1

export class Probe {
  private readonly worker: Worker

  private constructor(worker: Worker) {
    this.worker = worker
  }

  /** Connects to the server at `port` and begins. */
  static async start(port: number): Promise<Probe> {
    const worker = new Worker(new URL(import.meta.url), { workerData: { port } })
    await once(worker, 'message')
    return new Probe(worker)
  }

  /** The longest wait since it was asked last, in milliseconds; one that is going on counts. */
  async worstMs(): Promise<number> {
    const answer = once(this.worker, 'message')
    this.worker.postMessage('worst')
    const [worst] = (await answer) as [number]
    return worst
  }

  async stop(): Promise<void> {
    await this.worker.terminate()
  }
}

function run(port: number): void {
  const socket = connect(port, '127.0.0.1')
  let sentMs = 0
  let worstMs = 0
  const send = () => {
    sentMs = performance.now()
    socket.write('PING\r\n')
  }
  socket.setNoDelay(true)
  socket.write('CONNECT {"verbose":false}\r\n')
  socket.once('data', () => {
    parentPort?.postMessage('ready')
    socket.on('data', (bytes) => {
      if (!bytes.includes('PONG')) return
      worstMs = Math.max(worstMs, performance.now() - sentMs)
      setTimeout(send, PAUSE_MS)
    })
    send()
  })
  let asked = false
  parentPort?.on('message', () => {
    asked = true
    // What is under way is waited for: the longest may be the last.
    socket.once('data', () => {
      if (!asked) return
      asked = false
      setImmediate(() => {
        parentPort?.postMessage(worstMs)
        worstMs = 0
      })
    })
  })
}

if (!isMainThread) run((workerData as { port: number }).port)
