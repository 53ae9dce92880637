/** Spans around publications and handlers, and the trace context in the headers between them. */
import {
  type Attributes,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { type Around, type Outgoing, ReplyError } from '../app/index.ts'
import {
  ATTRIBUTES,
  errorTypeOf,
  type Handling,
  handlerAttributes,
  messageAttributes,
  OPERATIONS,
  publicationAttributes,
  sizeOf,
} from './attributes.ts'
import { contextAround, contextOf, inject, injectIntoReply } from './propagation.ts'

export interface TracingOptions {
  /** Default: the program's (`trace.getTracerProvider()`). */
  tracerProvider?: TracerProvider
  /**
   * How a handler's span belongs to the trace of its message: as a child of the publication ('parent', default), or in a
   * trace of its own that links to it. Batches always link, to each of their messages.
   */
  relation?: 'parent' | 'link'
  /** More attributes for a handler's span. */
  handlerAttributes?: (context: Handling) => Attributes
  /** More attributes for a publication's span. */
  publishAttributes?: (outgoing: Outgoing) => Attributes
}

const TRACER = 'contrail'
const SERVER_ERROR = 500

/**
 * Middleware that traces: `app.use(tracing())`. A publication has a span of kind PRODUCER (a request: CLIENT) and carries its
 * context in its headers; a handler has one of kind CONSUMER, active while it runs. Conventions: OpenTelemetry's for messaging.
 */
export function tracing(options: TracingOptions = {}): Around {
  const tracer = (): Tracer => (options.tracerProvider ?? trace).getTracer(TRACER)
  return {
    publish: (outgoing, next) => publishTraced(tracer(), options, outgoing, next),
    handle: (handling, next) => handleTraced(tracer(), options, handling as Handling, next),
  }
}

async function publishTraced<T>(
  tracer: Tracer,
  options: TracingOptions,
  outgoing: Outgoing,
  next: () => Promise<T>,
): Promise<T> {
  const { kind, subject, payload } = outgoing
  const operation = OPERATIONS[kind]
  const around = contextAround(outgoing)
  const attributes: Attributes = {
    ...publicationAttributes(outgoing),
    [ATTRIBUTES.destination]: subject,
    [ATTRIBUTES.bodySize]: sizeOf(payload),
    ...options.publishAttributes?.(outgoing),
  }
  const id = outgoing.options.id ?? outgoing.header('Nats-Msg-Id')
  if (id !== undefined) attributes[ATTRIBUTES.messageId] = id
  const span = tracer.startSpan(
    `${operation.name} ${outgoing.options.template ?? subject}`,
    { kind: operation.kind, attributes },
    around,
  )
  const inside = trace.setSpan(around, span)
  inject(inside, outgoing)
  return ended(
    span,
    () => context.with(inside, next),
    (result) => {
      const ack = result as { stream?: string; seq?: number } | undefined
      if (kind !== 'stream' || ack?.stream === undefined) return
      span.setAttribute(ATTRIBUTES.stream, ack.stream)
      if (ack.seq !== undefined) span.setAttribute(ATTRIBUTES.sequence, ack.seq)
    },
  )
}

function handleTraced(
  tracer: Tracer,
  options: TracingOptions,
  handling: Handling,
  next: () => Promise<unknown>,
): Promise<unknown> {
  const { messages, message, subscription } = handling
  const isBatch = messages.length > 1
  const base = isBatch || options.relation === 'link' ? ROOT_CONTEXT : contextOf(message, ROOT_CONTEXT)
  const links: Link[] = []
  if (isBatch || options.relation === 'link') {
    for (const one of messages) {
      const spanContext = trace.getSpanContext(contextOf(one, ROOT_CONTEXT))
      if (spanContext !== undefined) links.push({ context: spanContext })
    }
  }
  const attributes = {
    ...handlerAttributes(handling),
    ...messageAttributes(handling),
    ...options.handlerAttributes?.(handling),
  }
  const { name, kind } = OPERATIONS.process
  const span = tracer.startSpan(
    `${name} ${subscription.sources.join(',')}`,
    { kind, attributes, links },
    base,
  )
  // With a link too what the publisher says in its baggage counts.
  const inside = trace.setSpan(isBatch ? base : contextOf(message, base), span)
  injectIntoReply(inside, message)
  return ended(span, () => context.with(inside, next))
}

/** Ends the span when `work` is through; what it throws is recorded, and thrown on. */
async function ended<T>(span: Span, work: () => Promise<T>, done?: (result: T) => void): Promise<T> {
  try {
    const result = await work()
    done?.(result)
    return result
  } catch (thrown) {
    const text = thrown instanceof Error ? thrown.message : String(thrown)
    span.setAttribute(ATTRIBUTES.errorType, errorTypeOf(thrown))
    // Like a 404 of HTTP: for the one who answers no error, for the one who asked it is.
    if (!(thrown instanceof ReplyError && thrown.status < SERVER_ERROR)) {
      span.recordException(thrown instanceof Error ? thrown : text)
      span.setStatus({ code: SpanStatusCode.ERROR, message: text })
    }
    throw thrown
  } finally {
    span.end()
  }
}
