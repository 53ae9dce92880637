/** Handlers and publishers of the app, an article each. */
import { type Document, nameIn, type Operation } from './document.ts'
import { anchor, code, escaped, fact, facts, plainly, subject } from './html.ts'
import { schemaSection } from './schema.ts'

/** An entry of the page: where it is, how the contents name it, and what is searched. */
export interface Entry {
  readonly id: string
  readonly name: string
  readonly html: string
}

export function operationEntries(document: Document, action: 'receive' | 'send'): Entry[] {
  return Object.entries(document.operations)
    .filter(([, operation]) => operation.action === action)
    .map(([key, operation]) => {
      const address = document.channels[nameIn(operation.channel)]?.address ?? nameIn(operation.channel)
      return { id: anchor('operation', key), name: address, html: article(document, operation, address) }
    })
}

function article(document: Document, operation: Operation, address: string): string {
  const about = operation.summary ?? operation.description
  const messages = (operation.messages ?? []).map((reference) =>
    message(document, nameIn(reference), 'Message'),
  )
  const replies = (operation.reply?.messages ?? []).map((reference) =>
    message(document, nameIn(reference), 'Reply'),
  )
  return `<h3><span class="badge ${operation.action}">${operation.action}s</span>${subject(address)}</h3>
${about === undefined ? '' : `<p>${escaped(about)}</p>`}
${facts([
  fact('Operation', textOf(operation['x-operation'])),
  fact('Stream', textOf(operation['x-stream'])),
  fact('Durable', textOf(operation['x-durable'])),
  fact('Queue group', textOf(operation['x-queue-group'])),
  fact('At a time', textOf(operation['x-concurrency'])),
  fact('Tries', triesOf(operation['x-retry'])),
  fact('Dead letters', deadLettersOf(operation['x-dead-letter'])),
])}
${messages.join('')}${replies.join('')}`
}

function message(document: Document, name: string, title: string): string {
  const { contentType = 'application/json', payload } = document.components.messages[name] ?? {}
  return schemaSection(title, payload, contentType)
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : code(plainly(value))
}

function deadLettersOf(value: unknown): string | undefined {
  return typeof value === 'string' ? subject(value) : undefined
}

function triesOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const { attempts, backoff } = value as { attempts?: unknown; backoff?: unknown }
  const pauses = backoff === undefined ? '' : `, pauses ${code(plainly(backoff))}`
  return `${attempts === undefined ? 'without end' : code(plainly(attempts))}${pauses}`
}
