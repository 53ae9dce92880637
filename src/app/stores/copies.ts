/** What of a stream has to do with other streams and subjects: mirrors, sources, mappings, publishing again. */
import type { Republish, StreamSource } from '@nats-io/jetstream'
import { ContrailError } from '../errors.ts'
import {
  checkOptions,
  count,
  type Field,
  flag,
  listOf,
  object,
  shape,
  type Table,
  text,
  time,
} from '../options.ts'

/** Which messages of which stream are copied. */
export interface CopyOptions {
  /** The stream. */
  name: string
  /** Only messages on these subjects. Default: all. */
  filter?: string
  /** Stored under other subjects; each mapping is a filter too. Not with `filter`. */
  transforms?: readonly SubjectMapping[]
  /** From this sequence on. */
  startSeq?: number
  /** From this time on. */
  startTime?: Date | string
  /** A stream of another account or domain: the subjects its API and its deliveries are imported under. */
  external?: { readonly api: string; readonly deliver?: string }
}

/** Subjects as they come, and as they are to be; `{{wildcard(1)}}`, `{{partition(3,1)}}` and the other functions of NATS. */
export interface SubjectMapping {
  from: string
  to: string
}

export interface RepublishOptions {
  /** What is published again. Default: all that it stores. */
  from?: string
  /** Where to. The message has headers that say where it is stored (ADR-28). */
  to: string
  /** Only the headers, and the size. Default: false. */
  headersOnly?: boolean
}

const MAPPING_FIELDS: Table<SubjectMapping> = { from: text, to: text }
const COPY_FIELDS: Table<CopyOptions> = {
  name: text,
  filter: text,
  transforms: listOf(object, "[{ from: 'a.*', to: 'b.{{wildcard(1)}}' }]"),
  startSeq: count,
  startTime: time,
  external: object,
}
const REPUBLISH_FIELDS: Table<RepublishOptions> = { from: text, to: text, headersOnly: flag }

/** null: it has none any more. */
const orNone = (field: Field): Field => ({ ...field, takes: (value) => value === null || field.takes(value) })

export const MAPPING = orNone(shape<SubjectMapping>(MAPPING_FIELDS))
export const REPUBLISH = orNone(shape<RepublishOptions>(REPUBLISH_FIELDS))
export const COPY: Field = {
  takes: (value) => text.takes(value) || object.takes(value),
  isNot:
    'is neither the name of a stream nor an object with name, filter, transforms, startSeq, startTime and external',
  shape: COPY_FIELDS,
}

export const MIRROR = orNone(COPY)

/** @throws ContrailError INVALID_OPTION */
export function copyOf(given: string | CopyOptions): StreamSource {
  if (typeof given === 'string') return { name: given }
  checkOptions(`the copy of "${given.name}"`, given, COPY_FIELDS)
  must(given.name !== undefined, 'A copy needs the name of a stream.')
  const copy: StreamSource = { name: given.name }
  if (given.startSeq !== undefined) copy.opt_start_seq = given.startSeq
  if (given.startTime !== undefined) copy.opt_start_time = new Date(given.startTime).toISOString()
  if (given.filter !== undefined) copy.filter_subject = given.filter
  if (given.transforms !== undefined) {
    must(
      given.filter === undefined,
      `The copy of "${given.name}" has filter and transforms: each mapping is a filter.`,
    )
    copy.subject_transforms = given.transforms.map((mapping) => {
      checkOptions(`a mapping of the copy of "${given.name}"`, mapping, MAPPING_FIELDS)
      return mappingOf(mapping)
    })
  }
  if (given.external !== undefined) copy.external = { ...given.external }
  return copy
}

export function mappingOf({ from, to }: SubjectMapping): { src: string; dest: string } {
  must(from !== undefined && to !== undefined, 'A mapping of subjects needs from and to.')
  return { src: from, dest: to }
}

export function republishOf({ from, to, headersOnly }: RepublishOptions): Republish {
  must(to !== undefined, 'To publish again, a stream needs the subjects to publish to: republish: { to }.')
  const republish: Republish = { src: from ?? '>', dest: to }
  if (headersOnly) republish.headers_only = true
  return republish
}

function must(isSo: boolean, sentence: string): void {
  if (!isSo) throw new ContrailError('INVALID_OPTION', sentence)
}
