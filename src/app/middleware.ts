/** Code around handlers and around publications, outermost first. */
import type { MsgHdrs, NatsConnection, Payload } from '@nats-io/nats-core'
import type { HandlerContext } from './context.ts'
import type { PublishOptions, PublishResult } from './publisher/options.ts'

/**
 * Around a handler: resolves to its result. Errors pass through `next`; what is thrown decides about the ack. Around a
 * batch it runs once: `context.messages` has them all.
 */
export type Middleware<Deps extends object = object> = (
  context: HandlerContext<Readonly<Record<string, string>>, Deps>,
  next: () => Promise<unknown>,
) => unknown

/** Middleware for both ways, as `use` takes it. */
export interface Around<Deps extends object = object> {
  handle?: Middleware<Deps>
  publish?: PublishMiddleware
}

/** A publication on its way; its fields may be changed before `next`. */
export class Outgoing {
  subject: string
  /** The data, encoded. */
  payload: Payload
  options: PublishOptions
  /** 'publish' on core NATS, 'stream' with a PubAck, 'request' with an answer, 'batch': one of those stored together. */
  readonly kind: OutgoingKind
  /** The connection it goes to. */
  readonly nc: NatsConnection

  constructor(
    kind: OutgoingKind,
    subject: string,
    payload: Payload,
    options: PublishOptions,
    nc: NatsConnection,
  ) {
    this.kind = kind
    this.subject = subject
    this.payload = payload
    this.options = options
    this.nc = nc
  }

  /** The first value of a header of the options. */
  header(name: string): string | undefined {
    const { headers } = this.options
    if (headers === undefined) return undefined
    if (isClients(headers)) return headers.has(name) ? headers.get(name) : undefined
    const value = headers[name]
    return typeof value === 'string' ? value : value?.[0]
  }

  /** Sets a header; those of the one who publishes are copied first, never changed. */
  setHeader(name: string, value: string): void {
    const all = recordOf(this.options.headers)
    all[name] = value
    this.options = { ...this.options, headers: all }
  }
}

export type OutgoingKind = 'publish' | 'stream' | 'request' | 'batch'

function isClients(headers: NonNullable<PublishOptions['headers']>): headers is MsgHdrs {
  return typeof (headers as MsgHdrs).values === 'function' && typeof (headers as MsgHdrs).keys === 'function'
}

function recordOf(headers: PublishOptions['headers']): Record<string, string | readonly string[]> {
  if (headers === undefined) return {}
  return isClients(headers) ? Object.fromEntries(headers) : { ...headers }
}

/** Around a publication: resolves to its result. */
export type PublishMiddleware = (
  outgoing: Outgoing,
  next: () => Promise<PublishResult | undefined>,
) => Promise<PublishResult | undefined>

/** Runs `inner` inside all of `around`. */
export function runThrough<A>(
  around: ReadonlyArray<(subject: A, next: () => Promise<unknown>) => unknown>,
  subject: A,
  inner: () => unknown,
): Promise<unknown> {
  const step = async (index: number): Promise<unknown> =>
    index === around.length ? inner() : around[index](subject, () => step(index + 1))
  return step(0)
}
