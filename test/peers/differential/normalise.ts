/** Takes out of an answer what differs from run to run: ids, times, names the server made up. */

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g
const ZERO_TIME = '0001-01-01T00:00:00Z'
const SERVER_ID = /\b[NX][A-Z2-7]{55}\b/g
const NUID = /\b[0-9A-Za-z]{22}\b/g
const ACK_TIME = /(\$JS\.ACK\.[^ ]+?)\.\d{19}\./g

/** Which stream of its name it was. */
const SOURCE_IDENTITY = /(Nats-Stream-Source: [^ ]+ \d+ [^ ]+ [^ ]+ [^ ]+) [0-9A-Za-z]{8}\r/g
const IDENTITY = /(Nats-Stream-Identity:) [0-9A-Za-z]{8}\r/g

/** Values of these keys are replaced whatever they are. */
const VARYING = new Set([
  'client_id',
  'nonce',
  'server_id',
  'server_name',
  'go',
  'git_commit',
  'xkey',
  'port',
  'host',
  'version',
  'id',
  'rtt',
  'average_processing_time',
  'pause_remaining',
  'ack_time',
])

export function normaliseText(text: string, names: ReadonlyMap<string, string>): string {
  let result = text
    .replace(TIME, (time) => (time === ZERO_TIME ? time : '<time>'))
    .replace(SERVER_ID, '<server>')
    .replace(ACK_TIME, '$1.<time>.')
    .replace(NUID, '<id>')
    .replace(SOURCE_IDENTITY, '$1 <identity>\r')
    .replace(IDENTITY, '$1 <identity>\r')
  for (const [name, placeholder] of names) result = result.split(name).join(placeholder)
  return result
}

const DATE = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4} [A-Z]+)?/g
const SHORT_TIME = /\b\d\d:\d\d:\d\d\b/g
const DURATION = /\b\d+(\.\d+)?(ms|µs|us|ns|s)\b/g
/** The differences between two configurations are printed with these or with ordinary spaces, by chance. */
const NO_BREAK_SPACE = /\u00a0/g
const URL = /127\.0\.0\.1:\d+/g

/** Both pack in S2, each in its own way. */
const COMPRESSED =
  /\d+(\.\d+)? [KM]?i?B (?=compressed|uncompressed)|(?<=Reading backup in .* with |\[)\d+(\.\d+)? [KM]?i?B\b|\d+(\.\d+)? [KM]?i?B\/s/g
/** Of an origin: how soon it is first heard of is of the moment. */
const LAST_SEEN = /Last Seen: .*/g
/** Of a server under comparison. */
const FOLDER = /\/[^ "]*contrail-peer-[a-z-]+-\w+/g

/** What a program printed: the same for dates as people read them, durations that were measured, and where the server is. */
export function normaliseOutput(text: string): string {
  return text
    .replace(NO_BREAK_SPACE, ' ')
    .replace(DATE, '<date>')
    .replace(SHORT_TIME, '<date>')
    .replace(DURATION, '<duration>')
    .replace(URL, '<server>')
    .replace(COMPRESSED, '<size>')
    .replace(LAST_SEEN, 'Last Seen: <when>')
    .replace(/(Client ID: )\d+/, '$1<id>')
    .replace(FOLDER, '<folder>')
    .replace(/[ \t]+$/gm, '')
    .replace(/[─━]+/g, '─')
    .replace(/ {2,}/g, '  ')
}

export function normalise(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return normaliseText(value, names)
  if (Array.isArray(value)) return value.map((each) => normalise(each, names))
  if (typeof value !== 'object' || value === null) return value
  const result: Record<string, unknown> = {}
  const isPacked = 'type' in value && value.type === 'io.nats.jetstream.advisory.v1.restore_complete'
  for (const [key, each] of Object.entries(value)) {
    // How long ago something was heard of an origin; -1: never.
    const varies =
      VARYING.has(key) ||
      (isPacked && key === 'bytes') ||
      (key === 'active' && typeof each === 'number' && each >= 0)
    result[normaliseText(key, names)] = varies ? `<${key}>` : normalise(each, names)
  }
  return result
}
