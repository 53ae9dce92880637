/** An app as an AsyncAPI 3 document: its subjects as channels, its handlers and publishers as operations. */
import type { StandardJSONSchemaV1 } from '@standard-schema/spec'
import { CronJob } from './consumer/cron.ts'
import { StreamConsumer } from './consumer/stream-consumer.ts'
import { CoreSubscription } from './core-subscription.ts'
import { Queue } from './jobs/queue.ts'
import type { Publisher } from './publisher/publisher.ts'
import type { Declaration } from './runtime.ts'
import type { Schema } from './schema.ts'
import { KeyValue } from './stores/key-value.ts'
import { ObjectStore } from './stores/object-store.ts'
import { Stream } from './stores/stream.ts'
import type { Agreed, Subscription } from './subscription.ts'

export type Json = { [key: string]: Json } | Json[] | string | number | boolean | null

type JsonObject = { [key: string]: Json }

export interface AsyncApiOptions {
  /** Default: the app's name. */
  title?: string
  /** Version of the app. Default: '0.0.0'. */
  version?: string
  description?: string
}

/** What is described: an app, by its brokers. */
export interface DescribedApp {
  readonly name: string
  brokers(): ReadonlyArray<{
    readonly name: string
    readonly scope: { declarations(): Declaration[]; publishers(): Publisher<string, never>[] }
  }>
}

const DIALECT = 'draft-2020-12'
const NAMES = /\{([A-Za-z_][A-Za-z0-9_]*)>?\}/g

/** A schema as JSON Schema, where its library can say it (zod 4.2, arktype 2.1.28 and newer); else anything. */
function jsonSchemaOf(schema: Schema | undefined, side: 'input' | 'output'): JsonObject {
  const standard = schema?.['~standard'] as Partial<StandardJSONSchemaV1.Props> | undefined
  try {
    const { $schema: _, ...rest } = standard?.jsonSchema?.[side]({ target: DIALECT }) ?? {}
    return rest as JsonObject
  } catch {
    return {}
  }
}

/** The document, ready for `JSON.stringify`. The app need not run. */
export function asyncApi(app: DescribedApp, options: AsyncApiOptions = {}): JsonObject {
  const document = new DocumentBuilder()
  const brokers = app.brokers()
  const servers: JsonObject = {}
  for (const broker of brokers) {
    // Of one broker nothing need be said; of several each channel says its own.
    document.broker = brokers.length === 1 ? null : broker.name
    servers[document.broker ?? 'broker'] = { host: 'localhost:4222', protocol: 'nats' }
    for (const declaration of broker.scope.declarations()) {
      if (declaration instanceof CoreSubscription || declaration instanceof StreamConsumer) {
        document.receive(declaration as unknown as Subscription)
      } else if (declaration instanceof CronJob) document.cron(declaration)
      else if (declaration instanceof Stream)
        document.store('streams', declaration.name, describeStream(declaration))
      else if (declaration instanceof Queue)
        document.store('queues', declaration.name, describeQueue(declaration))
      else if (declaration instanceof KeyValue)
        document.store('keyValue', declaration.bucket, describeBucket(declaration))
      else if (declaration instanceof ObjectStore)
        document.store('objectStores', declaration.bucket, plain(declaration.options))
    }
    for (const publisher of broker.scope.publishers()) document.send(publisher)
  }
  const info: JsonObject = { title: options.title ?? app.name, version: options.version ?? '0.0.0' }
  if (options.description !== undefined) info.description = options.description
  return {
    asyncapi: '3.0.0',
    info,
    defaultContentType: 'application/json',
    servers,
    channels: document.channels,
    operations: document.operations,
    components: { messages: document.messages },
    'x-contrail': document.stores,
  }
}

class DocumentBuilder {
  // Without a prototype: a subject may be called `constructor`.
  readonly channels: JsonObject = Object.create(null)
  readonly operations: JsonObject = Object.create(null)
  readonly messages: JsonObject = Object.create(null)
  readonly stores: JsonObject = Object.create(null)
  /** Whose declarations come now; null: there is but one. */
  broker: string | null = null

  receive(subscription: Subscription): void {
    const consumer = subscription instanceof StreamConsumer ? subscription : null
    for (const source of subscription.sources) {
      const routes = subscription.routes.length === 0 ? [undefined] : subscription.routes
      const names = routes.map((route, i) =>
        this.#message(
          routes.length === 1 ? this.#key(source) : `${this.#key(source)} ${i + 1}`,
          route?.codec.contentType ?? 'application/json',
          jsonSchemaOf(route?.schema, 'input'),
        ),
      )
      const channel = this.#channel(source, names)
      const operation: JsonObject = {
        action: 'receive',
        channel: { $ref: `#/channels/${pointer(channel)}` },
        messages: names.map((name) => ({ $ref: `#/channels/${pointer(channel)}/messages/${pointer(name)}` })),
      }
      if (subscription.agreed !== undefined) this.#agreed(operation, source, subscription.agreed)
      if (consumer !== null) {
        operation.description = `Consumed from the stream ${consumer.stream}`
        operation['x-stream'] = consumer.stream
        if (consumer.options.durable !== undefined) operation['x-durable'] = consumer.options.durable
        const { concurrency } = consumer.options
        if (concurrency !== undefined) operation['x-concurrency'] = concurrency
        describeTries(operation, consumer)
      } else if (subscription.group !== undefined) operation['x-queue-group'] = subscription.group
      this.#operation(`receive ${this.#key(source)}`, operation)
      for (const route of subscription.routes) {
        if (route.returns !== undefined) this.#sends(route.returns, 'application/json', {}, `after ${source}`)
      }
    }
  }

  /** What a contract says besides. */
  #agreed(operation: JsonObject, source: string, { name, description, response }: Agreed): void {
    operation['x-operation'] = name
    if (description !== undefined) operation.summary = description
    if (response === undefined) return
    const answer = `answer of ${this.#key(source)}`
    this.#message(answer, 'application/json', jsonSchemaOf(response as Schema, 'output'))
    // Where it goes is said by each request.
    this.channels[answer] = {
      address: null,
      messages: { [answer]: { $ref: `#/components/messages/${pointer(answer)}` } },
    }
    operation.reply = {
      channel: { $ref: `#/channels/${pointer(answer)}` },
      messages: [{ $ref: `#/channels/${pointer(answer)}/messages/${pointer(answer)}` }],
    }
  }

  cron(job: CronJob): void {
    this.store('cron', job.name, JSON.parse(JSON.stringify(job.when)) as JsonObject)
  }

  send(publisher: Publisher<string, never>): void {
    const { options, source } = publisher
    this.#sends(source, 'application/json', jsonSchemaOf(options.schema, 'input'), undefined)
  }

  store(kind: string, name: string, what: JsonObject): void {
    this.stores[kind] ??= Object.create(null) as JsonObject
    ;(this.stores[kind] as JsonObject)[this.#key(name)] = what
  }

  #sends(source: string, contentType: string, payload: JsonObject, description: string | undefined): void {
    const name = this.#message(this.#key(source), contentType, payload)
    const channel = this.#channel(source, [name])
    this.#operation(`send ${this.#key(source)}`, {
      action: 'send',
      channel: { $ref: `#/channels/${pointer(channel)}` },
      messages: [{ $ref: `#/channels/${pointer(channel)}/messages/${pointer(name)}` }],
      ...(description === undefined ? {} : { description }),
    })
  }

  #key(name: string): string {
    return this.broker === null ? name : `${this.broker}: ${name}`
  }

  #channel(source: string, messages: readonly string[]): string {
    const address = source.replace(NAMES, '{$1}')
    const key = this.#key(source)
    this.channels[key] ??= { address, messages: {} }
    const channel = this.channels[key] as JsonObject
    if (this.broker !== null) channel.servers = [{ $ref: `#/servers/${pointer(this.broker)}` }]
    const parameters = [...source.matchAll(NAMES)].map((match) => match[1])
    if (parameters.length > 0) channel.parameters = Object.fromEntries(parameters.map((name) => [name, {}]))
    for (const name of messages) {
      ;(channel.messages as JsonObject)[name] = { $ref: `#/components/messages/${pointer(name)}` }
    }
    return key
  }

  #message(name: string, contentType: string, payload: JsonObject): string {
    const known = this.messages[name] as JsonObject | undefined
    // What a handler and a publisher say of the same subject is one message; the one that knows more counts.
    const isKnownBetter = known !== undefined && Object.keys(known.payload as JsonObject).length > 0
    if (!isKnownBetter) this.messages[name] = { name, contentType, payload }
    return name
  }

  #operation(name: string, operation: JsonObject): void {
    let free = name
    for (let i = 2; free in this.operations; i++) free = `${name} ${i}`
    this.operations[free] = operation
  }
}

function describeStream(stream: Stream): JsonObject {
  const { subjects: _, ...options } = stream.options
  return { subjects: [...stream.subjects], ...plain(options) }
}

function describeBucket({ options: { schema, ...options } }: KeyValue<unknown>): JsonObject {
  return { ...plain(options), values: jsonSchemaOf(schema, 'input') }
}

/** With the subjects to which any client can add a job. */
function describeQueue({ stream, subjects, options }: Queue): JsonObject {
  const { schema, result, ...rest } = options
  const described: JsonObject = { stream, subjects, ...plain(rest) }
  if (options.orderBy !== undefined) described.orderBy = 'a key of the data'
  return { ...described, data: jsonSchemaOf(schema, 'input'), result: jsonSchemaOf(result, 'output') }
}

/** How often a message is tried, and where it goes then. */
function describeTries(operation: JsonObject, { options: { retry }, stream }: StreamConsumer): void {
  if (retry === undefined) return
  const { deadLetter, ...rest } = retry
  operation['x-retry'] = plain(rest)
  if (deadLetter) operation['x-dead-letter'] = deadLetter === true ? `dead.${stream}.>` : deadLetter
}

/** What can be written as JSON of options: no functions, no middleware. */
function plain(options: object): JsonObject {
  const { middleware: _, config: _config, ...rest } = options as Record<string, unknown>
  return JSON.parse(JSON.stringify(rest)) as JsonObject
}

/** A name as a part of a JSON pointer (RFC 6901), in a URI. */
function pointer(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}
