/** An AsyncAPI 3 document as a contract in TypeScript. */
import { TypeWriter } from './types.ts'

type Json = { readonly [key: string]: unknown }

interface Found {
  readonly subject: string
  readonly name: string | undefined
  readonly about: string | undefined
  readonly payload: unknown
  readonly response: unknown
}

/** @param name what the contract is called in the code */
export function clientOf(document: Json, name: string): string {
  const types = new TypeWriter(document)
  const declared: string[] = []
  const operations: string[] = []
  const taken = new Set<string>()
  for (const one of operationsOf(document, types)) {
    const key = free(one.name ?? nameOf(one.subject), one.subject, taken)
    const type = upper(key)
    const parts = [`subject: ${JSON.stringify(one.subject)}`]
    const add = (field: string, typeName: string, schema: unknown) => {
      if (schema === undefined) return
      declared.push(`export type ${typeName} = ${types.typeOf(schema)}`)
      parts.push(`${field}: unchecked<${typeName}>()`)
    }
    add('schema', type, one.payload)
    add('response', `${type}Answer`, one.response)
    const about = one.about === undefined ? '' : `  /** ${comment(one.about)} */\n`
    operations.push(`${about}  ${key}: { ${parts.join(', ')} },`)
  }
  const { title = 'an app', version = '' } = (document.info ?? {}) as Json
  return `/** Made by \`contrail generate\` from ${comment(`${title} ${version}`.trim())}. Make it again rather than changing it. */
import { contract, unchecked } from 'contrail'

${declared.length === 0 ? '' : `${declared.join('\n\n')}\n\n`}export const ${name} = contract({
${operations.join('\n')}
})
`
}

/** One for each subject; what is said of it in several places is put together. */
function operationsOf(document: Json, types: TypeWriter): Found[] {
  const found = new Map<string, Found>()
  for (const operation of Object.values((document.operations ?? {}) as Record<string, Json>)) {
    const channel = deref(operation.channel, types)
    const subject = channel?.address
    if (typeof subject !== 'string') continue
    const before = found.get(subject)
    const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
    found.set(subject, {
      subject,
      name: before?.name ?? text(operation['x-operation']),
      about: before?.about ?? text(operation.summary ?? operation['x-about']),
      payload:
        before?.payload ?? payloadOf(operation.messages ?? Object.values(channel?.messages ?? {}), types),
      response: before?.response ?? payloadOf((operation.reply as Json | undefined)?.messages, types),
    })
  }
  return [...found.values()]
}

/** What messages are: of several any. Undefined where nothing is said. */
function payloadOf(messages: unknown, types: TypeWriter): unknown {
  if (!Array.isArray(messages)) return undefined
  const payloads = messages
    .map((one) => deref(one, types)?.payload)
    .filter((one) => typeof one === 'object' && one !== null && Object.keys(one).length > 0)
  return payloads.length > 1 ? { anyOf: payloads } : payloads[0]
}

function deref(value: unknown, types: TypeWriter): Json | undefined {
  let at = value
  // A message of a channel refers to one of the components.
  for (let steps = 0; steps < 5; steps++) {
    const ref = (at as Json | undefined)?.$ref
    if (typeof ref !== 'string') return at as Json | undefined
    at = types.resolve(ref)
  }
  return undefined
}

/** 'orders.{id}.created' is ordersCreated. */
function nameOf(subject: string): string {
  const words = subject.split('.').filter((token) => !/^[{*>]/.test(token))
  return camel(words.length === 0 ? [subject] : words)
}

function camel(words: readonly string[]): string {
  const parts = words.flatMap((word) => word.split(/[^A-Za-z0-9]+/)).filter((part) => part !== '')
  const [first = 'all', ...rest] = parts
  const name = first[0].toLowerCase() + first.slice(1) + rest.map(upper).join('')
  return /^[0-9]/.test(name) ? `_${name}` : name
}

/** With the names of the subject where it is taken, then with a number. */
function free(name: string, subject: string, taken: Set<string>): string {
  const wanted = camel([name])
  const long = camel(subject.split('.'))
  let key = taken.has(wanted) ? long : wanted
  for (let i = 2; taken.has(key); i++) key = `${long}${i}`
  taken.add(key)
  return key
}

function upper(word: string): string {
  return word[0].toUpperCase() + word.slice(1)
}

function comment(text: string): string {
  return text.replaceAll('*/', '* /').replace(/\s+/g, ' ')
}
