/** `contrail streams`: what streams there are, and looking after them. */
import { parseArgs } from 'node:util'
import type { StreamInfo } from '@nats-io/jetstream'
import { CommandFailure } from '../failure.ts'
import {
  atPlace,
  bytesText,
  counted,
  fieldsOf,
  mustBeSure,
  needed,
  PLACE_HELP,
  placeOptions,
  printJson,
  table,
  verbOf,
  wholeNumber,
} from './common.ts'

export const help = `Usage: contrail streams [VERB] [STREAM] [--from PLACE]

  list                       a line each (default)
  show STREAM                configuration and state
  message STREAM SEQUENCE    one message: headers and content
  update STREAM FIELD=VALUE …   fields of the API, durations as '7d': max_age=7d max_msgs=1000
  purge STREAM [--subject S] [--keep N] --yes
  delete STREAM --yes

${PLACE_HELP}
  --json          JSON

Examples:
  contrail streams --from nats://localhost:4222
  contrail streams update ORDERS max_age=30d --from ./.contrail`

/** What of a stream's configuration can be said. */
const UPDATABLE = (
  'description subjects retention max_consumers max_msgs max_bytes max_age max_msgs_per_subject max_msg_size discard ' +
  'discard_new_per_subject storage num_replicas no_ack duplicate_window placement mirror sources compression ' +
  'subject_transform republish allow_direct mirror_direct sealed deny_delete deny_purge allow_rollup_hdrs consumer_limits ' +
  'allow_msg_ttl subject_delete_marker_ttl allow_msg_counter allow_atomic allow_batched allow_msg_schedules persist_mode metadata'
).split(' ')

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      ...placeOptions,
      yes: { type: 'boolean' },
      subject: { type: 'string' },
      keep: { type: 'string' },
    },
  })
  const verb = verbOf(positionals[0], ['list', 'show', 'message', 'update', 'purge', 'delete'])
  const [, stream, ...rest] = positionals
  const name = verb === 'list' ? '' : needed(stream, 'STREAM')
  if (verb === 'delete') mustBeSure(values.yes, `Deleting the stream ${name}`)
  if (verb === 'purge') mustBeSure(values.yes, `Removing messages of ${name}`)
  const seq = verb === 'message' ? wholeNumber('SEQUENCE', needed(rest[0], 'SEQUENCE')) : 0
  await atPlace(
    values,
    async ({ jsm: { streams } }) => {
      switch (verb) {
        case 'show':
          printJson(await streams.info(name), values.json)
          return
        case 'message': {
          const stored = await streams.getMessage(name, { seq })
          if (stored === null) throw new CommandFailure(`The stream "${name}" has no message ${seq}.`)
          const { subject, time, header } = stored
          const headers = header === undefined ? {} : Object.fromEntries(header)
          printJson({ seq, subject, time, headers, data: stored.string() }, values.json)
          return
        }
        case 'update': {
          const { config } = await streams.update(name, fieldsOf(rest, UPDATABLE))
          printJson(config, values.json)
          return
        }
        case 'purge': {
          const { subject, keep } = values
          const request = {
            ...(subject === undefined ? {} : { filter: subject }),
            ...(keep === undefined ? {} : { keep: wholeNumber('--keep', keep) }),
          }
          console.log(`${counted((await streams.purge(name, request as never)).purged, 'message')} removed`)
          return
        }
        case 'delete':
          await streams.delete(name)
          console.log(`${name} is deleted`)
          return
        default: {
          const all: StreamInfo[] = []
          for await (const one of streams.list()) all.push(one)
          all.sort((a, b) => (a.config.name < b.config.name ? -1 : 1))
          if (values.json) for (const one of all) printJson(one, true)
          else {
            const head = ['STREAM', 'MESSAGES', 'BYTES', 'CONSUMERS', 'RETENTION', 'LAST', 'SUBJECTS']
            console.log(table([head, ...all.map(rowOf)]))
          }
        }
      }
    },
    { stream: name },
  )
}

function rowOf({ config, state }: StreamInfo): string[] {
  return [
    config.name,
    state.messages.toLocaleString('en'),
    bytesText(state.bytes),
    String(state.consumer_count),
    config.retention,
    state.last_seq === 0 ? '' : String(state.last_ts).slice(0, 19),
    (config.subjects ?? []).join(' '),
  ]
}
