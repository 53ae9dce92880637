import { eventHead } from '../stream/advisories.ts'
import { describeClient } from '../stream/client.ts'
import type { ApiRequest } from './request.ts'

const SUBJECT = '$JS.EVENT.ADVISORY.API'

/** Tells who asked what, and the answer, when somebody listens. */
export function auditRequest(request: ApiRequest, response: string): void {
  const { account, host } = request.account
  if (!account.hasInterest(SUBJECT)) return
  const event = {
    ...eventHead('io.nats.jetstream.advisory.v1.api_audit', host.clock.now()),
    server: host.serverName,
    client: describeClient(host, account, request.origin),
    subject: request.subject,
    ...(request.body === '' ? {} : { request: request.body }),
    response,
    ...(host.domain === '' ? {} : { domain: host.domain }),
  }
  account.publishText(SUBJECT, JSON.stringify(event))
}
