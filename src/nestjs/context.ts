/** What handlers get by `@Ctx()`: the context of an app's handler. */
import { BaseRpcContext } from '@nestjs/microservices'
import type { HandlerContext, Message, StreamMessage } from '../app/index.ts'

type Params = Readonly<Record<string, string>>

export class ContrailContext extends BaseRpcContext<[HandlerContext<Params>]> {
  /** @internal What the handler threw, before Nest made something else of it. */
  thrown: unknown = undefined

  constructor(context: HandlerContext<Params>) {
    super([context])
  }

  /** All that a handler of an app has: `kv`, `publish`, `log`, `signal` and the rest. */
  getContext(): HandlerContext<Params> {
    return this.getArgByIndex(0)
  }

  /** The message: on a stream with `ack`, `nack`, `term`, `working`, `tries`, `seq`. */
  getMessage(): Message | StreamMessage {
    return this.getContext().message
  }

  getSubject(): string {
    return this.getContext().subject
  }

  /** What stands for the names of the pattern: `orders.{id}.created`. */
  getParams(): Params {
    return this.getContext().params
  }

  getHeaders(): Message['headers'] {
    return this.getContext().headers
  }
}
