/** What the API of an origin's account is asked for. */
import { consumerId } from '../config/stream/origin-key.ts'
import type { StreamSource } from '../config/types.ts'
import { uniqueId } from '../config/unique-id.ts'
import type { CopyingStream } from './copying-stream.ts'
import type { Begin, Taker } from './taker.ts'

/** Without a message for so long the origin says that it is still there. */
export const HEARTBEAT_MS = 1000
/** Nothing heard for so long: the consumer is gone, or the way to it. It goes itself when nobody listens for so long. */
export const SILENCE_MS = 10_000
const ACK_WAIT_NS = 22 * 3600e9
const ID_LENGTH = 8
const NAMES = { mirror: ['JS_MIRROR', '_nats.mirror', 'M'], source: ['JS_SRC', '_nats.src', 'S'] } as const

export interface OriginRequest {
  subject: string
  /** '' for a reset. */
  body: string
  /** Where the messages are to be delivered. */
  deliverSubject: string
}

/** Asks for a consumer that begins there, or for the one made beforehand to begin where it was acknowledged. */
export function consumerRequest(
  stream: CopyingStream,
  taker: Taker,
  consumerName: string,
  begin: Begin,
): OriginRequest {
  const { source } = taker
  const { name, external, consumer } = source
  if (consumer !== undefined) {
    return {
      subject: apiSubject(source, `CONSUMER.RESET.${name}.${consumer.name}`),
      body: '',
      deliverSubject: consumer.deliver_subject ?? '',
    }
  }
  const [, metadata, letter] = NAMES[taker.kind]
  const place = external?.deliver ? `${external.deliver}.${letter}` : `$JS.${letter}`
  const deliverSubject = `${place}.${uniqueId(ID_LENGTH)}`.replaceAll('..', '.')
  const filters = filtersOf(source)
  const config = {
    name: consumerName,
    deliver_subject: deliverSubject,
    ...begin,
    ack_policy: 'none',
    ack_wait: ACK_WAIT_NS,
    max_deliver: 1,
    ...(filters.length === 1 ? { filter_subject: filters[0] } : {}),
    ...(filters.length > 1 ? { filter_subjects: filters } : {}),
    replay_policy: 'instant',
    flow_control: true,
    idle_heartbeat: HEARTBEAT_MS * 1e6,
    inactive_threshold: SILENCE_MS * 1e6,
    num_replicas: 0,
    direct: true,
    sourcing: true,
    metadata: {
      [`${metadata}.stream`]: stream.name,
      [`${metadata}.acc`]: stream.bus.name,
      ...(stream.domain === '' ? {} : { [`${metadata}.domain`]: stream.domain }),
    },
  }
  const verb =
    filters.length === 1 ? `CONSUMER.CREATE.${name}.${config.name}.${filters[0]}` : `CONSUMER.CREATE.${name}`
  return {
    subject: apiSubject(source, verb),
    body: JSON.stringify({ stream_name: name, config, action: '' }),
    deliverSubject,
  }
}

/** The subject that takes away the durable consumer which a work queue or an interest stream made of the one asked for. */
export function consumerDeletion({ source }: Taker, consumerName: string): string {
  return apiSubject(source, `CONSUMER.DELETE.${source.name}.${consumerName}`)
}

/** The name to ask for. It depends on the sources that the stream has beside this one. */
export function consumerNameOf(stream: CopyingStream, { kind, source }: Taker): string {
  const sources = kind === 'mirror' ? [] : (stream.config.sources ?? [])
  const id = consumerId(stream.name, stream.bus.name, stream.domain, source, sources)
  return `${NAMES[kind][0]}_${id}`
}

function filtersOf({ filter_subject: filter, subject_transforms: transforms = [] }: StreamSource): string[] {
  if (filter) return [filter]
  // Without a source a transform is of everything.
  return transforms.map(({ src }) => src || '>')
}

function apiSubject({ external }: StreamSource, verb: string): string {
  const prefix = external?.api || '$JS.API'
  return `${prefix}.${verb}`.replaceAll('..', '.')
}
