/** `contrail kv`: key-value buckets. */
import { parseArgs } from 'node:util'
import { JetStreamApiError, jetstream } from '@nats-io/jetstream'
import { type KV, type KvEntry, Kvm } from '@nats-io/kv'
import { CommandFailure } from '../failure.ts'
import type { Place } from '../transfer/place.ts'
import {
  atPlace,
  bytesText,
  mustBeSure,
  needed,
  notThere,
  PLACE_HELP,
  placeOptions,
  printable,
  printJson,
  STREAM_NOT_FOUND,
  table,
  verbOf,
} from './common.ts'

export const help = `Usage: contrail kv [VERB] [BUCKET] [KEY] [VALUE] [--from PLACE]

  list                     the buckets (default)
  keys BUCKET              the keys that have a value
  get BUCKET KEY           the value, as it is stored
  put BUCKET KEY VALUE
  delete BUCKET KEY
  history BUCKET KEY       the values that are kept
  watch BUCKET [KEY]       what is there, then what changes; KEY may have wildcards
  purge BUCKET --yes       all keys with their history

${PLACE_HELP}
  --json          JSON, a line each

Examples:
  contrail kv get stock nut --from nats://localhost:4222
  contrail kv watch stock 'nut.*'`

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { ...placeOptions, yes: { type: 'boolean' } },
  })
  const verb = verbOf(positionals[0], ['list', 'keys', 'get', 'put', 'delete', 'history', 'watch', 'purge'])
  const [, first, second, third] = positionals
  const bucket = verb === 'list' ? '' : needed(first, 'BUCKET')
  const key = ['get', 'put', 'delete', 'history'].includes(verb) ? needed(second, 'KEY') : (second ?? '>')
  const value = verb === 'put' ? needed(third, 'VALUE') : ''
  if (verb === 'purge') mustBeSure(values.yes, `Removing all keys of ${bucket}`)
  const show = (entry: KvEntry) => console.log(values.json ? JSON.stringify(fieldsOf(entry)) : lineOf(entry))
  await atPlace(values, async (place) => {
    if (verb === 'list') {
      await list(place, values.json)
      return
    }
    const kv = await open(place, bucket)
    switch (verb) {
      case 'keys':
        for await (const one of await kv.keys()) console.log(printable(one))
        return
      case 'get': {
        const entry = await kv.get(key)
        if (entry === null || entry.operation !== 'PUT') {
          throw new CommandFailure(`The bucket "${bucket}" has no key "${key}".`)
        }
        if (values.json) show(entry)
        else process.stdout.write(entry.value)
        return
      }
      case 'put':
        console.log(`revision ${await kv.put(key, value)}`)
        return
      case 'delete':
        await kv.delete(key)
        console.log(`${key} is deleted`)
        return
      case 'history':
        for await (const entry of await kv.history({ key })) show(entry)
        return
      case 'watch':
        for await (const entry of await kv.watch({ key })) show(entry)
        return
      default:
        await place.jsm.streams.purge(`KV_${bucket}`)
        console.log(`${bucket} is empty`)
    }
  })
}

async function list(place: Place, isJson: boolean | undefined): Promise<void> {
  const rows: string[][] = []
  for await (const { config, state } of place.jsm.streams.list()) {
    if (!config.name.startsWith('KV_')) continue
    const bucket = config.name.slice('KV_'.length)
    if (isJson) printJson({ bucket, values: state.messages, bytes: state.bytes }, true)
    else
      rows.push([
        bucket,
        state.messages.toLocaleString('en'),
        bytesText(state.bytes),
        String(config.max_msgs_per_subject),
      ])
  }
  if (!isJson) console.log(table([['BUCKET', 'VALUES', 'BYTES', 'HISTORY'], ...rows.sort()]))
}

async function open(place: Place, bucket: string): Promise<KV> {
  // Opening alone asks nothing of the server.
  const stream = await place.jsm.streams.info(`KV_${bucket}`).catch((thrown: unknown) => {
    if (thrown instanceof JetStreamApiError && thrown.code === STREAM_NOT_FOUND) return undefined
    throw thrown
  })
  if (stream === undefined) {
    const names: string[] = []
    for await (const name of place.jsm.streams.names()) if (name.startsWith('KV_')) names.push(name.slice(3))
    throw new CommandFailure(notThere(`bucket "${bucket}"`, bucket, names))
  }
  return new Kvm(jetstream(place.nc)).open(bucket)
}

function fieldsOf({ key, revision, created, operation, value }: KvEntry): object {
  return { key, revision, created, operation, value: new TextDecoder().decode(value) }
}

function lineOf({ key, revision, created, operation, value }: KvEntry): string {
  const text = operation === 'PUT' ? new TextDecoder().decode(value) : `(${operation.toLowerCase()})`
  return printable(`${revision}  ${created.toISOString()}  ${key}  ${text}`)
}
