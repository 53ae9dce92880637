/** `contrail consumers`: who reads a stream, and looking after them. */
import { parseArgs } from 'node:util'
import type { ConsumerInfo } from '@nats-io/jetstream'
import {
  atPlace,
  duration,
  fieldsOf,
  mustBeSure,
  needed,
  PLACE_HELP,
  placeOptions,
  printJson,
  table,
  verbOf,
} from './common.ts'

export const help = `Usage: contrail consumers [VERB] STREAM [CONSUMER] [--from PLACE]

  list STREAM                      a line each
  show STREAM CONSUMER             configuration and state
  update STREAM CONSUMER FIELD=VALUE …   fields of the API, durations as '30s': ack_wait=1m max_ack_pending=500
  pause STREAM CONSUMER [--for DURATION]
  resume STREAM CONSUMER
  delete STREAM CONSUMER --yes     its place in the stream is lost

${PLACE_HELP}
  --json          JSON

Examples:
  contrail consumers list ORDERS --from nats://localhost:4222
  contrail consumers pause ORDERS billing --for 10m`

/** What of a consumer's configuration can be said. */
const UPDATABLE = (
  'description deliver_subject deliver_group deliver_policy opt_start_seq opt_start_time ack_policy ack_wait max_deliver backoff ' +
  'filter_subject filter_subjects replay_policy rate_limit_bps sample_freq max_waiting max_ack_pending flow_control ' +
  'idle_heartbeat headers_only max_batch max_expires max_bytes inactive_threshold num_replicas mem_storage metadata pause_until ' +
  'priority_groups priority_policy priority_timeout'
).split(' ')

const FOR_EVER = new Date('2200-01-01T00:00:00Z')

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { ...placeOptions, yes: { type: 'boolean' }, for: { type: 'string' } },
  })
  const verb = verbOf(positionals[0], ['list', 'show', 'update', 'pause', 'resume', 'delete'])
  const [, first, second, ...rest] = positionals
  const stream = needed(first, 'STREAM')
  const name = verb === 'list' ? '' : needed(second, 'CONSUMER')
  if (verb === 'delete') mustBeSure(values.yes, `Deleting the consumer ${name}`)
  const until = values.for === undefined ? FOR_EVER : new Date(Date.now() + duration('--for', values.for))
  await atPlace(
    values,
    async ({ jsm: { consumers } }) => {
      switch (verb) {
        case 'show':
          printJson(await consumers.info(stream, name), values.json)
          return
        case 'update': {
          const { config } = await consumers.update(stream, name, fieldsOf(rest, UPDATABLE))
          printJson(config, values.json)
          return
        }
        case 'pause':
          await consumers.pause(stream, name, until)
          console.log(`${name} is paused${values.for === undefined ? '' : ` until ${until.toISOString()}`}`)
          return
        case 'resume':
          await consumers.resume(stream, name)
          console.log(`${name} is resumed`)
          return
        case 'delete':
          await consumers.delete(stream, name)
          console.log(`${name} is deleted`)
          return
        default: {
          const all: ConsumerInfo[] = []
          for await (const one of consumers.list(stream)) all.push(one)
          all.sort((a, b) => (a.name < b.name ? -1 : 1))
          if (values.json) for (const one of all) printJson(one, true)
          else {
            const head = ['CONSUMER', 'PENDING', 'UNACKED', 'REDELIVERED', 'AT', 'STATE', 'FILTER']
            console.log(table([head, ...all.map(rowOf)]))
          }
        }
      }
    },
    { stream, consumer: name },
  )
}

function rowOf(info: ConsumerInfo): string[] {
  const { config } = info
  return [
    info.name,
    info.num_pending.toLocaleString('en'),
    String(info.num_ack_pending),
    String(info.num_redelivered),
    String(info.ack_floor.stream_seq),
    info.paused ? 'paused' : config.deliver_subject === undefined ? 'pull' : 'push',
    config.filter_subject ?? config.filter_subjects?.join(' ') ?? '',
  ]
}
