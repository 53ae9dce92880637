import { API_LEVEL, COMPATIBLE_VERSION } from './versions.ts'

export interface InfoFacts {
  id: string
  name: string
  host: string
  port: number
  maxPayloadBytes: number
  headers: boolean
  jetstream: boolean
  authRequired: boolean
  domain: string
  curveKey: string
}

/** The fields of INFO that every client gets; what does not apply is left out, as nats-server does. */
export function serverInfo(facts: InfoFacts): Record<string, unknown> {
  return {
    server_id: facts.id,
    server_name: facts.name,
    version: COMPATIBLE_VERSION,
    proto: 1,
    go: `node${process.versions.node}`,
    host: facts.host,
    port: facts.port,
    headers: facts.headers,
    ...(facts.authRequired ? { auth_required: true } : {}),
    max_payload: facts.maxPayloadBytes,
    ...(facts.jetstream ? { jetstream: true } : {}),
    ...(facts.domain === '' ? {} : { domain: facts.domain }),
    api_lvl: API_LEVEL,
    xkey: facts.curveKey,
  }
}
