/** `contrail tail`: messages as they come. */
import { parseArgs } from 'node:util'
import { DeliverPolicy, jetstream } from '@nats-io/jetstream'
import type { MsgHdrs } from '@nats-io/nats-core'
import { CommandFailure, UsageFailure } from '../failure.ts'
import type { Place } from '../transfer/place.ts'
import { atPlace, needed, notThere, PLACE_HELP, placeOptions, printable, wholeNumber } from './common.ts'

export const help = `Usage: contrail tail STREAM|SUBJECT [--from PLACE]

Prints the messages of a stream, or of a subject (wildcards allowed), as they come, until Ctrl-C.

  --last N        of a stream: begins with the last N (default: only what comes)
  --subject S     of a stream: only these
  --count N       ends after so many
  --headers       prints headers too

${PLACE_HELP}
  --json          JSON, a line each

Examples:
  contrail tail ORDERS --last 10 --from nats://localhost:4222
  contrail tail 'orders.*.created' --headers`

interface Seen {
  subject: string
  headers?: MsgHdrs
  data: Uint8Array
  seq?: number
  time?: Date
}

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      ...placeOptions,
      last: { type: 'string' },
      subject: { type: 'string' },
      count: { type: 'string' },
      headers: { type: 'boolean' },
    },
  })
  const what = needed(positionals[0], 'STREAM or SUBJECT')
  const last = wholeNumber('--last', values.last ?? '0')
  const count = values.count === undefined ? Number.POSITIVE_INFINITY : wholeNumber('--count', values.count)
  if (count < 1) throw new UsageFailure('--count: at least 1.')
  const isOfStream = values.last !== undefined || values.subject !== undefined
  await atPlace(values, async (place) => {
    let seen = 0
    const hasStream = await isStream(place, what)
    if (!hasStream && isOfStream) {
      const names: string[] = []
      for await (const name of place.jsm.streams.names()) names.push(name)
      throw new CommandFailure(
        `--last and --subject are of streams. ${notThere(`stream "${what}"`, what, names)}`,
      )
    }
    if (!hasStream && !/[.*>]/.test(what))
      console.error(`"${what}" is no stream here: shown is what comes on this subject.`)
    for await (const message of hasStream
      ? ofStream(place, what, last, values.subject)
      : ofSubject(place, what)) {
      show(message, values.json === true, values.headers === true)
      if (++seen >= count) return
    }
  })
}

async function isStream(place: Place, name: string): Promise<boolean> {
  if (/[.*>\s]/.test(name)) return false
  return place.jsm.streams.info(name).then(
    () => true,
    () => false,
  )
}

async function* ofStream(
  place: Place,
  stream: string,
  last: number,
  subject: string | undefined,
): AsyncGenerator<Seen> {
  const { state } = await place.jsm.streams.info(stream)
  const consumer = await jetstream(place.nc).consumers.get(stream, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(1, state.last_seq - last + 1),
    ...(subject === undefined ? {} : { filter_subjects: [subject] }),
  })
  const messages = await consumer.consume()
  try {
    for await (const message of messages) {
      const { subject, headers, data, seq } = message
      yield { subject, headers, data, seq, time: message.time }
    }
  } finally {
    await messages.close()
  }
}

async function* ofSubject({ nc }: Place, subject: string): AsyncGenerator<Seen> {
  for await (const message of nc.subscribe(subject)) yield message
}

function show(
  { subject, headers, data, seq, time = new Date() }: Seen,
  isJson: boolean,
  hasHeaders: boolean,
) {
  const text = new TextDecoder().decode(data)
  if (isJson) {
    console.log(
      JSON.stringify({
        time,
        subject,
        seq,
        ...(headers === undefined ? {} : { headers: Object.fromEntries(headers) }),
        data: text,
      }),
    )
    return
  }
  const where = seq === undefined ? '' : `  ${seq}`
  console.log(printable(`${time.toISOString()}${where}  ${subject}  ${text}`))
  if (!hasHeaders || headers === undefined) return
  for (const [name, all] of headers) for (const value of all) console.log(printable(`  ${name}: ${value}`))
}
