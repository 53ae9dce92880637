/** How long a service of another account takes to answer (`io.nats.server.metric.v1.service_latency`). */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../ports/index.ts'
import type { Account } from '../account.ts'
import type { Origin } from '../origin.ts'
import type { LatencyDefinition } from './definitions.ts'
import { clientInfo } from './request-info.ts'

const TYPE = 'io.nats.server.metric.v1.service_latency'
const NANOS_PER_MS = 1e6

/** What became of a request, by the status that the metric has. */
const OUTCOMES = {
  answered: { status: 200 },
  'bad request': { status: 400, description: 'Bad Request' },
  'not awaited': { status: 408, description: 'Request Timeout' },
  unavailable: { status: 503, description: 'Service Unavailable' },
  timeout: { status: 504, description: 'Service Timeout' },
} as const

export interface LatencyWish extends LatencyDefinition {
  /** Is everything about who asks told? */
  readonly share: boolean
  /** The headers that ask for it. */
  readonly headers: Readonly<Record<string, readonly string[]>> | null
}

/** One request, from now on: how it ends is told once, in the account of the service. */
export class LatencyMeasure {
  /** Called once, when it is over. */
  onStop: () => void = () => {}
  private readonly exporter: Account
  private readonly clock: Clock
  private readonly wish: LatencyWish
  private readonly requestor: Origin
  private readonly startedMs: number
  private isOver = false

  constructor(exporter: Account, clock: Clock, wish: LatencyWish, requestor: Origin) {
    this.exporter = exporter
    this.clock = clock
    this.wish = wish
    this.requestor = requestor
    this.startedMs = clock.now()
  }

  end(outcome: keyof typeof OUTCOMES, responder: Origin | null = null): void {
    if (this.isOver) return
    this.stop()
    const { exporter, wish, requestor, startedMs } = this
    const { serverName } = exporter.bus
    const nowMs = this.clock.now()
    const servedMs = outcome === 'answered' ? nowMs - startedMs : 0
    const metric = {
      type: TYPE,
      id: randomBytes(16).toString('base64url'),
      timestamp: new Date(nowMs).toISOString(),
      ...OUTCOMES[outcome],
      requestor: clientInfo(requestor, wish.share, serverName),
      ...(responder === null ? {} : { responder: clientInfo(responder, true, serverName) }),
      ...(wish.headers === null ? {} : { header: wish.headers }),
      start: new Date(startedMs - requestor.rttMs).toISOString(),
      service: nanos(servedMs - (responder?.rttMs ?? 0)),
      system: 0,
      total: outcome === 'answered' ? nanos(servedMs + requestor.rttMs) : 0,
    }
    exporter.publishText(wish.subject, JSON.stringify(metric))
  }

  /** Nothing is told any more. */
  stop(): void {
    if (this.isOver) return
    this.isOver = true
    this.onStop()
  }
}

/** Round trips are estimated: what they leave may be less than nothing. */
function nanos(ms: number): number {
  return Math.max(0, Math.round(ms * NANOS_PER_MS))
}
