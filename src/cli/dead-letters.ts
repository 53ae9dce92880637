/** `contrail dead-letters`: what handlers could not do, from outside: list, look at, send again, drop. */
import { parseArgs } from 'node:util'
import { jetstream } from '@nats-io/jetstream'
import { ContrailError, type DeadLetter, DeadLetterBox, deadLetterStream } from '../app/index.ts'
import { CommandFailure, UsageFailure } from './failure.ts'
import {
  atPlace,
  counted,
  notThere,
  PLACE_HELP,
  placeOptions,
  printable,
  wholeNumber,
} from './inspect/common.ts'
import type { Place } from './transfer/place.ts'

export const help = `Usage: contrail dead-letters VERB STREAM [SEQUENCE …] [--from PLACE]

What could not be handled of STREAM (its dead letters are in STREAM_DEAD; another stream that keeps some may be named as
well).

  list                       a line each, the oldest first
  show SEQUENCE …            with headers and content
  resend SEQUENCE … | --all  to their own subjects, with tries begun anew; the letters are removed
  drop SEQUENCE … | --all    for good

  --subject SUBJECT   only messages of this subject (wildcards allowed)
  --consumer NAME     only what this consumer gave up
  --reason TEXT       only where the reason has this in it
  --limit N, --after SEQUENCE   of list: a page (default: the first 100)
  --to-all            of resend: every consumer of the subject gets it, not only the one that gave it up
  --json              of list and show: JSON, a line each
${PLACE_HELP}

Examples:
  contrail dead-letters list --from nats://localhost:4222 ORDERS
  contrail dead-letters resend --from nats://localhost:4222 ORDERS --all --reason 'no printer'`

const options = {
  ...placeOptions,
  all: { type: 'boolean' },
  subject: { type: 'string' },
  consumer: { type: 'string' },
  reason: { type: 'string' },
  limit: { type: 'string' },
  after: { type: 'string' },
  'to-all': { type: 'boolean' },
} as const

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...words], allowPositionals: true, options })
  const [verb, stream, ...rest] = positionals
  const known = ['list', 'show', 'resend', 'drop']
  if (verb === undefined || !known.includes(verb)) {
    throw new UsageFailure(
      `What is to be done? One of ${known.join(', ')}; \`contrail help dead-letters\` says more.`,
    )
  }
  if (stream === undefined) {
    throw new UsageFailure(`Of which stream? For example: contrail dead-letters ${verb} ORDERS`)
  }
  const seqs = rest.map((text) => wholeNumber('SEQUENCE', text))
  const { subject, consumer, reason } = values
  const filter = { subject, consumer, reason }
  const hasFilter = subject !== undefined || consumer !== undefined || reason !== undefined
  if ((verb === 'resend' || verb === 'drop') && seqs.length > 0 === (values.all === true)) {
    throw new UsageFailure(`Which ones? Sequences as \`list\` shows them, or --all (and not both).`)
  }
  if (seqs.length > 0 && (hasFilter || verb === 'list')) {
    throw new UsageFailure('Sequences are named, or letters are filtered: not both.')
  }
  await atPlace(values, async (place) => {
    try {
      const box = await boxOf(place, stream)
      const which = seqs.length > 0 ? seqs : filter
      switch (verb) {
        case 'list': {
          const limit = wholeNumber('--limit', values.limit ?? '100')
          const after = wholeNumber('--after', values.after ?? '0')
          const letters = await box.list({ ...filter, limit, after })
          for (const letter of letters) console.log(values.json ? jsonOf(letter) : lineOf(letter))
          if (letters.length === limit && !values.json) {
            console.error(`More may follow: --after ${letters.at(-1)?.seq}`)
          }
          return
        }
        case 'show': {
          const letters = seqs.length === 0 ? await box.list(filter) : []
          for (const seq of seqs) letters.push((await box.get(seq)) ?? missing(box, seq))
          for (const letter of letters) console.log(values.json ? jsonOf(letter) : pageOf(letter))
          return
        }
        case 'resend':
          console.log(`${await box.resend(which, { toAll: values['to-all'] })} sent again`)
          return
        default:
          console.log(`${await box.drop(which)} dropped`)
      }
    } catch (thrown) {
      if (thrown instanceof ContrailError) throw new CommandFailure(thrown.message)
      throw thrown
    }
  })
}

/** The letters of a stream, or those that it keeps itself. */
async function boxOf(place: Place, stream: string): Promise<DeadLetterBox> {
  const broker = { js: jetstream(place.nc), jsm: place.jsm }
  const names: string[] = []
  for await (const name of place.jsm.streams.names()) names.push(name)
  if (names.includes(deadLetterStream(stream))) {
    return new DeadLetterBox(deadLetterStream(stream), () => broker)
  }
  if (names.includes(stream)) return new DeadLetterBox(stream, () => broker)
  throw new CommandFailure(notThere(`stream "${stream}" in ${place.name}`, stream, names))
}

function missing(box: DeadLetterBox, seq: number): never {
  throw new CommandFailure(`The stream "${box.stream}" has no dead letter ${seq}.`)
}

function lineOf({ seq, time, subject, consumer, deliveries, reason }: DeadLetter): string {
  return printable(
    `${seq}  ${when(time)}  ${subject}  ${consumer} (${counted(deliveries, 'delivery', 'deliveries')}): ${reason}`,
  )
}

function pageOf(letter: DeadLetter): string {
  const own = [...letter.headers].flatMap(([name, values]) => values.map((value) => `  ${name}: ${value}`))
  const lines = [
    `${letter.seq}: ${letter.subject}`,
    `  message ${letter.messageSeq} of ${letter.stream}, given up by ${letter.consumer} after ${counted(letter.deliveries, 'delivery', 'deliveries')} at ${when(letter.time)}`,
    `  reason: ${letter.reason}`,
    ...own,
    '',
    letter.text(),
    '',
  ]
  return lines.map(printable).join('\n')
}

function jsonOf(letter: DeadLetter): string {
  const { seq, subject, stream, messageSeq, consumer, reason, deliveries, time } = letter
  return JSON.stringify({
    seq,
    subject,
    stream,
    messageSeq,
    consumer,
    reason,
    deliveries,
    time: Number.isNaN(time.getTime()) ? null : time,
    headers: Object.fromEntries(letter.headers),
    data: Buffer.from(letter.data).toString('base64'),
  })
}

function when(time: Date): string {
  return Number.isNaN(time.getTime()) ? 'unknown time' : time.toISOString()
}
