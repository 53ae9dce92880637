/** `contrail publish`: one message, from the shell. */
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { jetstream } from '@nats-io/jetstream'
import { headers } from '@nats-io/nats-core'
import { CommandFailure, UsageFailure } from '../failure.ts'
import { atPlace, duration, needed, PLACE_HELP, placeOptions } from './common.ts'

export const help = `Usage: contrail publish SUBJECT [DATA] [--from PLACE]

Publishes DATA, or what comes on standard input with DATA \`-\`. Where a stream takes the subject it waits until the message is
stored, and says where.

  --header 'NAME: VALUE'   as often as there are headers
  --id ID                  message id: published twice within the stream's duplicate window it is stored once
  --request                waits for an answer and prints it
  --timeout DURATION       default: 5s

${PLACE_HELP}

Examples:
  contrail publish orders.7.created '{"sku":"nut"}' --from nats://localhost:4222
  contrail publish stock.left.nut --request`

const DEFAULT_TIMEOUT = '5s'

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      ...placeOptions,
      header: { type: 'string', multiple: true },
      id: { type: 'string' },
      request: { type: 'boolean' },
      timeout: { type: 'string' },
    },
  })
  const [first, given = '', ...more] = positionals
  const subject = needed(first, 'SUBJECT')
  if (subject.split('.').some((token) => token === '' || token === '*' || token === '>'))
    throw new UsageFailure(
      `Nothing can be published to ${JSON.stringify(subject)}: tokens between dots, no wildcards.`,
    )
  if (more.length > 0) throw new UsageFailure('DATA is one word: put it in quotes.')
  const all = headers()
  for (const line of values.header ?? []) {
    const at = line.indexOf(':')
    if (at < 1) throw new UsageFailure(`${JSON.stringify(line)} is no 'NAME: VALUE'.`)
    all.append(line.slice(0, at).trim(), line.slice(at + 1).trim())
  }
  if (values.id !== undefined) all.set('Nats-Msg-Id', values.id)
  const timeout = duration('--timeout', values.timeout ?? DEFAULT_TIMEOUT)
  const data = given === '-' ? await text(process.stdin) : given
  await atPlace(values, async ({ nc, jsm }) => {
    if (values.request) {
      const answer = await nc.request(subject, data, { timeout, headers: all }).catch((thrown: Error) => {
        const isAlone = /no responders/i.test(thrown.message)
        const sentence = `No answer on ${subject}: ${thrown.message}.`
        throw new CommandFailure(isAlone ? `Nobody listens on ${subject}.` : sentence)
      })
      const code = answer.headers?.get('Nats-Service-Error-Code')
      if (code) {
        throw new CommandFailure(
          `${code} ${answer.headers?.get('Nats-Service-Error')} ${answer.string()}`.trim(),
        )
      }
      process.stdout.write(answer.data)
      if (process.stdout.isTTY) console.log()
      return
    }
    // No stream, or no JetStream at all.
    const stream = await jsm.streams.find(subject).catch(() => undefined)
    if (stream === undefined) {
      nc.publish(subject, data, { headers: all })
      await nc.flush()
      console.log('published; no stream keeps it')
      return
    }
    const { seq, duplicate } = await jetstream(nc).publish(subject, data, { headers: all, timeout })
    console.log(duplicate ? `${stream} has it already: ${seq}` : `stored in ${stream}: ${seq}`)
  })
}
