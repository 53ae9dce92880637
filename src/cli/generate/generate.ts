/** `contrail generate`: a typed client of an app, or of an AsyncAPI document. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { documentOf } from '../docs.ts'
import { CommandFailure, UsageFailure } from '../failure.ts'
import { clientOf } from './client.ts'

export const help = `Usage: contrail generate FILE [--out FILE] [--name NAME]

Writes a contract in TypeScript: subjects with the types of what is published, asked and answered. FILE is an AsyncAPI 3 document
(.json), or an app, which is not started.

  --out FILE     where to (default: standard output)
  --name NAME    what the contract is called (default: from the title of the document)

Examples:
  contrail generate app.ts --out ../client/shop.ts
  contrail generate docs/asyncapi.json --name shop`

const NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { out: { type: 'string' }, name: { type: 'string' } },
  })
  const [file] = positionals
  if (file === undefined)
    throw new UsageFailure('Of what? For example: contrail generate app.ts --out shop.ts')
  const document = file.endsWith('.json') ? readDocument(file) : await documentOf(file, {}, 'generate')
  const { title } = (document.info ?? {}) as { title?: string }
  const name = values.name ?? identifierOf(title ?? basename(file))
  if (!NAME.test(name)) throw new UsageFailure(`--name: ${JSON.stringify(name)} is no name.`)
  const code = clientOf(document, name)
  if (values.out === undefined) process.stdout.write(code)
  else {
    write(values.out, code)
    console.log(`wrote ${values.out}`)
  }
}

function write(file: string, code: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, code)
  } catch (thrown) {
    throw new CommandFailure(`${file} can't be written: ${(thrown as Error).message}.`)
  }
}

function readDocument(file: string): Record<string, unknown> {
  let document: Record<string, unknown>
  try {
    document = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    throw new CommandFailure(`${file} can't be read: ${(thrown as Error).message}.`)
  }
  if (!String(document?.asyncapi).startsWith('3.'))
    throw new CommandFailure(`${file} is no AsyncAPI 3 document.`)
  return document
}

function identifierOf(title: string): string {
  const name = title.replace(/[^A-Za-z0-9]+(.)?/g, (_, next?: string) => next?.toUpperCase() ?? '')
  return /^[A-Za-z]/.test(name) ? name[0].toLowerCase() + name.slice(1) : 'client'
}
