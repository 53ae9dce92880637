/** How nats-server names what a stream copies from, in headers and in the names of consumers. Pure. */
import { createHash } from 'node:crypto'
import type { StreamSource } from '../types.ts'

const HASH_BYTES = 8
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Between the filters of one source. */
const FORM_FEED = '\f'

/** Eight of the bytes of the SHA-256, each as a digit. */
export function shortHash(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, HASH_BYTES)
  return Array.from(bytes, (byte) => DIGITS[byte % DIGITS.length]).join('')
}

/** `<stream>[:<hash of the API's prefix>][:C=<hash of the consumer>] <filters> <destinations>`: no two sources of a stream share it. */
export function originKey(source: StreamSource): string {
  const consumer = source.consumer === undefined ? '' : `:C=${shortHash(source.consumer.name ?? '')}`
  const transforms = source.subject_transforms ?? []
  const filters = transforms.map(({ src }) => src || '>').join(FORM_FEED) || source.filter_subject || '>'
  const destinations = transforms.map(({ dest }) => dest || '>').join(FORM_FEED) || '>'
  return `${placeOf(source)}${consumer} ${filters} ${destinations}`
}

/** The consumer made beforehand that a source uses. */
export function consumerKeyOf(source: StreamSource): string {
  return `${placeOf(source)} ${source.consumer?.name ?? ''}`
}

/** What the name of the consumer of a stream's mirror, or of one of its sources, ends with: the same each time. */
export function consumerId(
  stream: string,
  account: string,
  domain: string,
  source: StreamSource,
  sources: readonly StreamSource[],
): string {
  const own = shortHash(`${stream} ${account}${domain === '' ? '' : ` ${domain}`}`)
  if (sources.length === 0) return own
  const isAmongOthers = sources.filter(({ name }) => name === source.name).length > 1
  return shortHash(isAmongOthers ? `${own} ${originKey(source)}` : own)
}

function placeOf({ name, external }: StreamSource): string {
  return external === undefined ? name : `${name}:${shortHash(external.api)}`
}
