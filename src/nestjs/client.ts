/** The client: `send` asks, `emit` publishes; to other Nest applications, and to whoever speaks NATS. */
import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices'
import type { App, PublishOptions } from '../app/index.ts'
import { subjectOf } from './subjects.ts'

/** Data with options: `client.emit('orders.7.created', new ContrailRecord(order, { id: 'order-7' }))`. */
export class ContrailRecord<T = unknown> {
  readonly data: T
  readonly options: PublishOptions

  constructor(data: T, options: PublishOptions = {}) {
    this.data = data
    this.options = options
  }
}

export class ContrailClient extends ClientProxy {
  readonly #app: App
  #isOurs = false

  /** @param app starts with the first use, if it does not run yet, and stops with `close` then */
  constructor(app: App) {
    super()
    this.#app = app
  }

  async connect(): Promise<App> {
    if (this.#app.state === 'new') this.#isOurs = true
    await this.#app.start()
    return this.#app
  }

  async close(): Promise<void> {
    if (this.#isOurs) await this.#app.stop()
  }

  /** The app. */
  unwrap<T>(): T {
    return this.#app as T
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    let isOver = false
    const tell = (answer: WritePacket) => {
      if (!isOver) callback(answer)
    }
    const { subject, data, options } = this.#addressed(packet)
    this.#app.request(subject, data, options).then(
      (response) => tell({ response, isDisposed: true }),
      (err) => tell({ err, isDisposed: true }),
    )
    return () => {
      isOver = true
    }
  }

  /** Where a stream of the app takes the subject it is stored when this resolves. */
  protected async dispatchEvent<T>(packet: ReadPacket): Promise<T> {
    const { subject, data, options } = this.#addressed(packet)
    return (await this.#app.publish(subject, data, options)) as T
  }

  #addressed(packet: ReadPacket): { subject: string; data: unknown; options: PublishOptions } {
    const subject = subjectOf(this.normalizePattern(packet.pattern))
    if (packet.data instanceof ContrailRecord) {
      return { subject, data: packet.data.data, options: packet.data.options }
    }
    return { subject, data: packet.data, options: {} }
  }
}
