/** Trace context and baggage in the headers of messages, by the propagator that the program has set (W3C by default). */
import {
  type Context,
  context,
  propagation,
  type TextMapGetter,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api'
import type { Message, Outgoing } from '../app/index.ts'

const fromMessage: TextMapGetter<Message> = {
  keys: (message) => [...(message.headers?.keys() ?? [])],
  get: (message, key) => message.header(key),
}

const fromOutgoing: TextMapGetter<Outgoing> = {
  keys: () => [],
  get: (outgoing, key) => outgoing.header(key),
}

const intoOutgoing: TextMapSetter<Outgoing> = {
  set: (outgoing, key, value) => outgoing.setHeader(key, value),
}

const intoReply: TextMapSetter<Message> = {
  set: (message, key, value) => {
    message.replyHeaders = { ...message.replyHeaders, [key]: value }
  },
}

/**
 * The context in which the message was published, on top of `base`: for messages that are read by `next` or `for await`,
 * `context.with(contextOf(message), work)`.
 * @param base default: the active context
 */
export function contextOf(message: Message, base: Context = context.active()): Context {
  return propagation.extract(base, message, fromMessage)
}

/**
 * What a publication belongs to: the active span, else the trace that its headers already tell (a dead letter has those of
 * its message, a result those of its handler).
 */
export function contextAround(outgoing: Outgoing): Context {
  const active = context.active()
  return trace.getSpan(active) === undefined ? propagation.extract(active, outgoing, fromOutgoing) : active
}

export function inject(from: Context, outgoing: Outgoing): void {
  propagation.inject(from, outgoing, intoOutgoing)
}

/** Into the answer to the message, or what its result is published as. */
export function injectIntoReply(from: Context, message: Message): void {
  propagation.inject(from, message, intoReply)
}
