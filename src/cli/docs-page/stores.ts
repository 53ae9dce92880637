/** Streams, buckets, queues and cron jobs of the app. */
import type { Document, JsonSchema } from './document.ts'
import { anchor, code, fact, facts, plainly, subject } from './html.ts'
import type { Entry } from './operations.ts'
import { schemaSection } from './schema.ts'

/** In this order; what the document has besides comes behind, by its own name. */
const TITLES: Record<string, string> = {
  queues: 'Queues of jobs',
  streams: 'Streams',
  keyValue: 'Key-value buckets',
  objectStores: 'Object stores',
  cron: 'Cron jobs',
}
/** Fields that are schemas. */
const SCHEMAS: Record<string, string> = { values: 'Value', data: 'Job', result: 'Result' }

export function storeGroups(document: Document): { title: string; entries: Entry[] }[] {
  const stores = document['x-contrail'] ?? {}
  const kinds = [...Object.keys(TITLES), ...Object.keys(stores).filter((kind) => TITLES[kind] === undefined)]
  return kinds
    .filter((kind) => stores[kind] !== undefined)
    .map((kind) => ({
      title: TITLES[kind] ?? kind,
      entries: Object.entries(stores[kind]).map(([name, what]) => ({
        id: anchor(kind, name),
        name,
        html: article(name, what),
      })),
    }))
}

function article(name: string, what: Readonly<Record<string, unknown>>): string {
  const shown: string[] = []
  const schemas: string[] = []
  for (const [field, value] of Object.entries(what)) {
    const title = SCHEMAS[field]
    if (title !== undefined) schemas.push(schemaSection(title, value as JsonSchema, 'application/json'))
    else if (field === 'subjects') shown.push(fact('subjects', (value as string[]).map(subject).join(' ')))
    else shown.push(fact(field, code(plainly(value))))
  }
  return `<h3>${code(name)}</h3>${facts(shown)}${schemas.join('')}`
}
