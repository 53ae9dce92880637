/** Publish options as headers of the protocol. */
import { headers, type MsgHdrs } from '@nats-io/nats-core'
import { ContrailError } from '../errors.ts'
import { toMs } from '../units.ts'
import type { PublishOptions } from './options.ts'

const MIN_TTL_MS = 1000
const MS_PER_SECOND = 1000

/** The client's headers of some options; undefined when there are none. @throws ContrailError INVALID_OPTION */
export function headersOf(options: PublishOptions): MsgHdrs | undefined {
  const { id, expect, ttl } = options
  if (options.headers === undefined && id === undefined && expect === undefined && ttl === undefined)
    return undefined
  const all = headers()
  if (options.headers !== undefined) copy(options.headers, all)
  if (id !== undefined) all.set('Nats-Msg-Id', id)
  if (expect !== undefined) {
    if (expect.stream !== undefined) all.set('Nats-Expected-Stream', expect.stream)
    if (expect.lastSeq !== undefined) all.set('Nats-Expected-Last-Sequence', String(expect.lastSeq))
    if (expect.lastId !== undefined) all.set('Nats-Expected-Last-Msg-Id', expect.lastId)
    if (expect.lastSubjectSeq !== undefined) {
      all.set('Nats-Expected-Last-Subject-Sequence', String(expect.lastSubjectSeq))
    }
    if (expect.lastSubject !== undefined)
      all.set('Nats-Expected-Last-Subject-Sequence-Subject', expect.lastSubject)
  }
  if (ttl !== undefined) {
    const ms = toMs(ttl, 'ttl')
    if (ms < MIN_TTL_MS) throw new ContrailError('INVALID_OPTION', `ttl: ${ttl} is shorter than a second.`)
    all.set('Nats-TTL', `${Math.round(ms / MS_PER_SECOND)}s`)
  }
  return all
}

function copy(from: NonNullable<PublishOptions['headers']>, to: MsgHdrs): void {
  const isClients =
    typeof (from as MsgHdrs).values === 'function' && typeof (from as MsgHdrs).keys === 'function'
  if (isClients) {
    for (const [name, values] of from as MsgHdrs) for (const value of values) to.append(name, value)
    return
  }
  for (const [name, value] of Object.entries(from as Record<string, string | readonly string[]>)) {
    if (typeof value === 'string') to.append(name, value)
    else for (const one of value) to.append(name, one)
  }
}
