/** Reads a consumer by pull requests, two of them always open. */
import { isStatus } from './reply.ts'
import type { Wire } from './wire.ts'

export interface ReadPlan {
  readonly stream: string
  readonly consumer: string
  /** Ends when so many have come. */
  readonly count: number
  /** Ends after so long, or with the first that come later, a minute at most. Default: 60. */
  readonly seconds?: number
  /** Takes the ack subject of each message, in the order of delivery. */
  onReply?(reply: string): void
}

export interface Read {
  readonly received: number
  readonly seconds: number
  readonly rate: number
}

export interface Reading {
  readonly finished: Promise<Read>
  /** Ends it now. */
  end(): void
}

const cutSeconds = 60
const batch = 500
const expiresNs = 30e9
const request = Buffer.from(JSON.stringify({ batch, expires: expiresNs }))
let readers = 0

export function startReading(wire: Wire, plan: ReadPlan): Reading {
  const next = `$JS.API.CONSUMER.MSG.NEXT.${plan.stream}.${plan.consumer}`
  const inbox = `_INBOX.read${readers++}`
  let end = () => {}
  const finished = new Promise<Read>((resolve, reject) => {
    let received = 0
    let asked = 0
    const begunMs = performance.now()
    const settle = (error?: Error) => {
      clearTimeout(timer)
      clearTimeout(cut)
      wire.afterChunk.delete(afterChunk)
      wire.onLost.delete(settle)
      wire.unsubscribe(sid)
      wire.output.flush()
      const seconds = Math.max((performance.now() - begunMs) / 1000, 1e-6)
      if (error) reject(error)
      else resolve({ received, seconds, rate: received / seconds })
    }
    end = () => settle()
    let isLate = false
    const timer = setTimeout(
      () => {
        isLate = true
        if (received > 0) settle()
      },
      (plan.seconds ?? cutSeconds) * 1000,
    )
    const cut = setTimeout(settle, cutSeconds * 1000)
    const sid = wire.subscribe(inbox, (frame) => {
      // A request that ended counts as done, whatever of it came.
      if (isStatus(frame)) return
      received++
      plan.onReply?.(frame.bytes.toString('latin1', frame.replyStart, frame.replyEnd))
    })
    const afterChunk = () => {
      if (received >= plan.count || (isLate && received > 0)) return settle()
      while (asked - received < 2 * batch && asked < plan.count) {
        wire.output.publish(next, request, inbox)
        asked += batch
      }
      wire.output.flush()
    }
    wire.afterChunk.add(afterChunk)
    wire.onLost.add(settle)
    afterChunk()
  })
  return { finished, end }
}

export function read(wire: Wire, plan: ReadPlan): Promise<Read> {
  return startReading(wire, plan).finished
}
