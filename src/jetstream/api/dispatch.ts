import type { Message, Origin } from '../../core/index.ts'
import { ReadFailure } from '../../storage/index.ts'
import type { JetStreamAccount, RequestHandler } from '../account/account.ts'
import { ApiError, apiError } from '../config/errors.ts'
import { encodeJson } from '../config/json/encode.ts'
import { API_LEVEL } from '../config/stream/metadata.ts'
import { headerOf } from '../headers/header-of.ts'
import { sendNoResponders } from '../headers/status.ts'
import { auditRequest } from './audit.ts'
import { consumerNext } from './consumer-next.ts'
import { directGet } from './direct-get.ts'
import { DirectLast } from './direct-last.ts'
import type { ApiRequest } from './request.ts'
import { type ApiRoute, ROUTES } from './routes.ts'

const RESPONSE_TYPE = 'io.nats.jetstream.api.v1.'

/** The JetStream API of one account: from a request's subject to its handler, and the answer back. */
export class Api implements RequestHandler {
  private readonly account: JetStreamAccount
  private readonly directLast: DirectLast

  constructor(account: JetStreamAccount) {
    this.account = account
    this.directLast = new DirectLast(account)
  }

  onRequest(message: Message, origin: Origin | null, skippedTokens: number): void {
    if (this.directLast.serve(message, skippedTokens)) return
    const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
    const tokens = subject.split('.').slice(skippedTokens)
    const bodyStart = message.bodyStart + message.headerLength
    const request: ApiRequest = {
      account: this.account,
      subject,
      tokens,
      reply: message.reply.toString('utf8', message.replyStart, message.replyEnd),
      body: message.body.toString('utf8', bodyStart, message.bodyEnd),
      headers: message.body.toString('latin1', message.bodyStart, bodyStart),
      origin,
      answerHeaders: '',
    }
    this.account.host.commits.trim()
    if (tokens[0] === 'CONSUMER' && tokens[1] === 'MSG' && tokens[2] === 'NEXT' && tokens.length === 5) {
      consumerNext(this.account, tokens[3], tokens[4], request.reply, request.body)
      return
    }
    if (tokens[0] === 'DIRECT' && tokens[1] === 'GET' && tokens.length > 2) {
      request.tokens = tokens.slice(2)
      directGet(request)
      return
    }
    const route = findRoute(tokens)
    if (route === null) {
      // Streams have subscriptions of their own for this one; there is none without a stream.
      if (tokens.join('.') === 'DIRECT.GET' && request.reply !== '') {
        sendNoResponders(this.account.account, request.reply, subject)
      }
      return
    }
    request.tokens = tokens.slice(route.path.length)
    this.handle(request, route)
  }

  private handle(request: ApiRequest, route: ApiRoute): void {
    try {
      if (!this.account.isEnabled) throw apiError('JSNotEnabledForAccountErr')
      const level = headerOf(request.headers, 'Nats-Required-Api-Level')
      if (level !== '' && !(Number(level) <= API_LEVEL)) throw apiError('JSRequiredApiLevelErr')
      if (this.account.host.store.isHeldUp && route.changes) throw apiError('JSInsufficientResourcesErr')
      if (route.waits) {
        // What is read has to be durable before it is shown.
        this.whenDurable(() => this.settle(request, route, () => route.handle(request)))
        return
      }
    } catch (error) {
      this.fail(request, route, error)
      return
    }
    this.settle(request, route, () => route.handle(request))
  }

  private settle(request: ApiRequest, route: ApiRoute, handle: () => object | Promise<object>): void {
    try {
      const answer = handle()
      if (answer instanceof Promise) {
        answer
          .then(
            (body) => this.succeed(request, route, body),
            (error) => this.fail(request, route, error),
          )
          .catch(this.account.host.bus.fault)
      } else this.succeed(request, route, answer)
    } catch (error) {
      this.fail(request, route, error)
    }
  }

  private succeed(request: ApiRequest, route: ApiRoute, body: object): void {
    if (route.isQuiet !== true) this.account.apiTotal++
    this.respond(request, encodeJson({ type: RESPONSE_TYPE + route.type, ...body }), route.isQuiet !== true)
  }

  private fail(request: ApiRequest, route: ApiRoute, error: unknown): void {
    this.account.apiTotal++
    this.account.apiErrors++
    let shown = error
    if (error instanceof ReadFailure) {
      this.account.account.bus.log('warn', `JetStream request ${request.subject} failed: ${error.message}`)
      shown = apiError('JSStreamStoreFailedF', { err: 'the store can not be read now' })
    } else if (!(error instanceof ApiError)) {
      const text = error instanceof Error ? error.message : String(error)
      this.account.account.bus.log('error', `JetStream request ${request.subject} failed: ${text}`)
      shown = apiError('JSStreamGeneralErrorF', { err: text })
    }
    const body = { type: RESPONSE_TYPE + route.type, error: (shown as ApiError).toJSON(), ...route.empty }
    this.respond(request, encodeJson(body), true)
  }

  /** Answers once everything that has happened so far is durable, so that nothing observed can un-happen. */
  private respond(request: ApiRequest, response: string, isAudited: boolean): void {
    this.whenDurable(() => {
      const headers = request.answerHeaders === '' ? '' : `NATS/1.0\r\n${request.answerHeaders}\r\n`
      if (request.reply !== '') this.account.account.publishText(request.reply, response, '', headers)
      if (isAudited) auditRequest(request, response)
    })
  }

  private whenDurable(done: () => void): void {
    const { store } = this.account.host
    if (store.isHeldUp) done()
    else store.barrier(done)
  }
}

function findRoute(tokens: string[]): ApiRoute | null {
  for (let length = Math.min(3, tokens.length); length > 0; length--) {
    const route = ROUTES.get(tokens.slice(0, length).join('.'))
    if (route === undefined) continue
    const rest = tokens.length - length
    return rest >= route.arity[0] && rest <= route.arity[1] ? route : null
  }
  return null
}
