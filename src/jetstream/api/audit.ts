import { formatMs } from '../config/time-text.ts'
import { eventHead } from '../stream/advisories.ts'
import type { ApiRequest } from './request.ts'

const SUBJECT = '$JS.EVENT.ADVISORY.API'

/** Tells who asked what, and the answer, when somebody listens. */
export function auditRequest(request: ApiRequest, response: string): void {
  const { account, js } = request.account
  if (!account.hasInterest(SUBJECT)) return
  const event = {
    ...eventHead('io.nats.jetstream.advisory.v1.api_audit', js.clock.now()),
    server: js.serverName,
    client: describeClient(request),
    subject: request.subject,
    ...(request.body === '' ? {} : { request: request.body }),
    response,
    ...(js.domain === '' ? {} : { domain: js.domain }),
  }
  account.publishText(SUBJECT, JSON.stringify(event))
}

export function describeClient(request: ApiRequest): object {
  const { origin, account } = request
  if (origin === null) return { acc: account.account.name, server: account.js.serverName }
  return {
    start: formatMs(origin.startedMs),
    host: origin.peer.host,
    id: origin.id,
    acc: account.account.name,
    ...(origin.user === '' ? {} : { user: origin.user }),
    ...(origin.options.name ? { name: origin.options.name } : {}),
    ...(origin.options.lang ? { lang: origin.options.lang } : {}),
    ...(origin.options.version ? { ver: origin.options.version } : {}),
    ...(origin.rttMs > 0 ? { rtt: Math.round(origin.rttMs * 1e6) } : {}),
    server: account.js.serverName,
    kind: 'Client',
    client_type: 'nats',
  }
}
