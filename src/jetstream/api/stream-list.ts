import { subjectsCollide } from '../../subjects/index.ts'
import type { Stream } from '../account/stream.ts'
import { streamInfo } from '../account/stream-info.ts'
import { encodeStreamConfig } from '../config/stream/fields.ts'
import { readRequest } from './read-request.ts'
import { type ApiRequest, hasJson, PAGE_LIMITS } from './request.ts'

const FIELDS = { offset: { embedded: 'ApiPagedRequest', kind: 'int' }, subject: 'string' } as const

interface Page {
  total: number
  offset: number
  limit: number
  shown: Stream[]
}

function page(request: ApiRequest, limit: number, type: string): Page {
  let asked: { offset?: number; subject?: string } = {}
  if (hasJson(request.body)) asked = readRequest(request, FIELDS, type)
  const { subject = '' } = asked
  const all = [...request.account.streams.values()]
    .filter(
      ({ config }) => subject === '' || (config.subjects ?? []).some((own) => subjectsCollide(own, subject)),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const offset = Math.min(Math.max(asked.offset ?? 0, 0), all.length)
  return { total: all.length, offset, limit, shown: all.slice(offset, offset + limit) }
}

/** `STREAM.NAMES`; with `subject` only those that take messages of it. */
export function nameStreams(request: ApiRequest): object {
  const { shown, ...rest } = page(request, PAGE_LIMITS.names, 'JSApiStreamNamesRequest')
  return { ...rest, streams: shown.length === 0 ? null : shown.map((stream) => stream.name) }
}

/** `STREAM.LIST`: infos, in which the configuration's metadata lacks what the server adds elsewhere. */
export function listStreams(request: ApiRequest): object {
  const { shown, ...rest } = page(request, PAGE_LIMITS.list, 'JSApiStreamListRequest')
  const streams = shown.map((stream) => ({
    ...streamInfo(stream),
    config: encodeStreamConfig(stream.config),
  }))
  return { ...rest, streams }
}
