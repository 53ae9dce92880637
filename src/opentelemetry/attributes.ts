/** OpenTelemetry's semantic conventions for messaging, as far as NATS has them. */
import { type Attributes, SpanKind } from '@opentelemetry/api'
import {
  ContrailError,
  type HandlerContext,
  type Outgoing,
  ReplyError,
  RequestFailedError,
  StreamMessage,
} from '../app/index.ts'

export const SYSTEM = 'nats'

/** What middleware around handlers gets. */
export type Handling = HandlerContext<Readonly<Record<string, string>>>

export const ATTRIBUTES = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  template: 'messaging.destination.template',
  subscription: 'messaging.destination.subscription.name',
  group: 'messaging.consumer.group.name',
  batchSize: 'messaging.batch.message_count',
  messageId: 'messaging.message.id',
  bodySize: 'messaging.message.body.size',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  errorType: 'error.type',
  // NATS has no conventions of its own yet.
  stream: 'messaging.nats.stream',
  sequence: 'messaging.nats.stream.sequence',
  deliveries: 'messaging.nats.delivery.count',
} as const

/** Name of the operation, as it begins the span's name, and its type. */
export const OPERATIONS = {
  publish: { name: 'publish', type: 'send', kind: SpanKind.PRODUCER },
  stream: { name: 'publish', type: 'send', kind: SpanKind.PRODUCER },
  batch: { name: 'publish', type: 'send', kind: SpanKind.PRODUCER },
  request: { name: 'request', type: 'send', kind: SpanKind.CLIENT },
  process: { name: 'process', type: 'process', kind: SpanKind.CONSUMER },
} as const

/** Of each subscription, as long as it is connected to the same server. */
const known = new WeakMap<object, { server: string; attributes: Attributes }>()

/** What is the same for all messages of a handler: also good for metrics. Not to be changed. */
export function handlerAttributes({ subscription, nc }: Handling): Attributes {
  const server = nc.getServer()
  let found = known.get(subscription)
  if (found?.server !== server) {
    found = { server, attributes: describe(subscription, server) }
    known.set(subscription, found)
  }
  return found.attributes
}

function describe(subscription: Handling['subscription'], server: string): Attributes {
  const { stream, group, sources } = subscription
  const attributes: Attributes = {
    [ATTRIBUTES.system]: SYSTEM,
    [ATTRIBUTES.operationName]: OPERATIONS.process.name,
    [ATTRIBUTES.operationType]: OPERATIONS.process.type,
    [ATTRIBUTES.template]: sources.join(','),
    ...serverAttributes(server),
  }
  if (group !== undefined) attributes[ATTRIBUTES.group] = group
  if (stream !== undefined) attributes[ATTRIBUTES.stream] = stream
  if (stream !== undefined && group !== undefined) attributes[ATTRIBUTES.subscription] = group
  return attributes
}

/** What is the message's own. */
export function messageAttributes({ messages, message }: Handling): Attributes {
  const attributes: Attributes = { [ATTRIBUTES.destination]: message.subject }
  if (messages.length > 1) {
    attributes[ATTRIBUTES.batchSize] = messages.length
    return attributes
  }
  attributes[ATTRIBUTES.bodySize] = message.data.length
  if (message.id !== undefined) attributes[ATTRIBUTES.messageId] = message.id
  if (message instanceof StreamMessage) {
    attributes[ATTRIBUTES.sequence] = message.seq
    attributes[ATTRIBUTES.deliveries] = message.deliveries
  }
  return attributes
}

/** What all publications of this kind to this template have in common. */
export function publicationAttributes({ kind, options, nc }: Outgoing): Attributes {
  const { name, type } = OPERATIONS[kind]
  const attributes: Attributes = {
    [ATTRIBUTES.system]: SYSTEM,
    [ATTRIBUTES.operationName]: name,
    [ATTRIBUTES.operationType]: type,
    ...serverAttributes(nc.getServer()),
  }
  if (options.template !== undefined) attributes[ATTRIBUTES.template] = options.template
  return attributes
}

const utf8 = new TextEncoder()

export function sizeOf(payload: Outgoing['payload']): number {
  return typeof payload === 'string' ? utf8.encode(payload).length : payload.length
}

/** `error.type`: the code of a framework's error, the status of a request's answer, else the class of the error. */
export function errorTypeOf(thrown: unknown): string {
  if (thrown instanceof RequestFailedError || thrown instanceof ReplyError) return String(thrown.status)
  if (thrown instanceof ContrailError) return thrown.code
  return thrown instanceof Error ? thrown.name : typeof thrown
}

/** Host and port; nothing for a broker in the same process. */
function serverAttributes(server: string): Attributes {
  const at = server.lastIndexOf(':')
  const port = Number(server.slice(at + 1))
  if (at < 0 || !Number.isInteger(port)) return {}
  return { [ATTRIBUTES.serverAddress]: server.slice(0, at), [ATTRIBUTES.serverPort]: port }
}
