/** Requests with many in flight, on one connection: all replies come to one inbox and are only counted. */
import { errorOf } from './reply.ts'
import type { Wire } from './wire.ts'

export interface PumpPlan {
  readonly inFlight: number
  /** Ends when so many were answered … */
  readonly count?: number
  /** … or after so long, whichever comes first; what is in flight then is waited for. */
  readonly seconds?: number
  /** Or when this says so. */
  isOver?(): boolean
  /** Appends the request number `i` to the connection's output. */
  send(i: number, inbox: string): void
  /** What isn't answered after this long is left. Default: 60. */
  readonly cutSeconds?: number
  /** An answer that is an error is let pass and not counted. Default: the first one rejects. */
  readonly lenient?: boolean
}

export interface Pumped {
  /** Requests answered. */
  readonly done: number
  readonly seconds: number
  readonly rate: number
  /** The longest time without an answer. */
  readonly stallMs: number
}

/** What isn't done after this long is cut: the rate is that of what was done. */
const usualCutSeconds = 60
let inboxes = 0

export function pump(wire: Wire, plan: PumpPlan): Promise<Pumped> {
  const { inFlight, count = Infinity, cutSeconds = usualCutSeconds, seconds = cutSeconds } = plan
  const inbox = `_INBOX.pump${inboxes++}`
  return new Promise((resolve, reject) => {
    let sent = 0
    let answered = 0
    let errors = 0
    let seen = 0
    let stallMs = 0
    let isEnding = false
    const begunMs = performance.now()
    let lastMs = begunMs
    const finish = (error?: Error) => {
      clearTimeout(timer)
      clearTimeout(cut)
      wire.afterChunk.delete(afterChunk)
      wire.onLost.delete(finish)
      wire.unsubscribe(sid)
      wire.output.flush()
      if (error) return reject(error)
      const took = Math.max((lastMs - begunMs) / 1000, 1e-6)
      const done = answered - errors
      resolve({ done, seconds: took, rate: done / took, stallMs })
    }
    const sid = wire.subscribe(inbox, (frame) => {
      answered++
      const error = errorOf(frame)
      if (error === null) return
      errors++
      if (!plan.lenient) finish(new Error(error))
    })
    const fill = () => {
      while (!isEnding && sent < count && sent - answered < inFlight) plan.send(sent++, inbox)
      wire.output.flush()
    }
    const afterChunk = () => {
      if (answered === seen) return
      seen = answered
      const now = performance.now()
      stallMs = Math.max(stallMs, now - lastMs)
      lastMs = now
      if (now - begunMs > seconds * 1000 || plan.isOver?.()) isEnding = true
      if (answered === sent && (isEnding || sent >= count)) finish()
      else fill()
    }
    // Nothing may come any more that would end it.
    const timer = setTimeout(() => {
      isEnding = true
      if (answered === sent) finish()
    }, seconds * 1000)
    const cut = setTimeout(
      () => {
        lastMs = performance.now()
        stallMs = Math.max(stallMs, lastMs - begunMs)
        finish()
      },
      (cutSeconds + Math.min(seconds, 5)) * 1000,
    )
    wire.afterChunk.add(afterChunk)
    wire.onLost.add(finish)
    if (count === 0) return finish()
    fill()
  })
}
