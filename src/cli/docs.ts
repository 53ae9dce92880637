/** `contrail docs app.ts`: an AsyncAPI 3 document of an app, and a page to read. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DESCRIBE_AS, DESCRIBE_TO } from '../app/index.ts'
import { appFile, ended, startApp } from './app-process.ts'
import { docsPage } from './docs-page/page.ts'
import { CommandFailure } from './failure.ts'

export const help = `Usage: contrail docs FILE [--out DIR] [--title TITLE] [--app-version VERSION]

Writes asyncapi.json (AsyncAPI 3) and index.html, a page to read, for the app that FILE exports or starts. The app
is not started, and needs no broker.

  --out DIR               where to (default ./docs)
  --title TITLE           default: the app's name
  --app-version VERSION   default: that of ./package.json

Examples:
  contrail docs app.ts
  contrail docs app.ts --out public/api`

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { out: { type: 'string' }, title: { type: 'string' }, 'app-version': { type: 'string' } },
  })
  const { name, version, description } = packageOf()
  const options = { title: values.title ?? name, version: values['app-version'] ?? version, description }
  const document = await documentOf(positionals[0], options, 'docs')
  const out = values.out ?? 'docs'
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'asyncapi.json'), `${JSON.stringify(document, null, 2)}\n`)
  writeFileSync(join(out, 'index.html'), docsPage(document as never))
  console.log(`wrote ${join(out, 'asyncapi.json')} and ${join(out, 'index.html')}`)
}

/** The document of an app, which is not started. @throws CommandFailure */
export async function documentOf(
  word: string | undefined,
  options: { title?: string; version?: string; description?: string },
  command: string,
): Promise<Record<string, unknown>> {
  const file = appFile(word, command)
  const folder = mkdtempSync(join(tmpdir(), 'contrail-docs-'))
  try {
    const path = join(folder, 'asyncapi.json')
    const child = startApp(file, { [DESCRIBE_TO]: path, [DESCRIBE_AS]: JSON.stringify(options) })
    const code = await ended(child)
    if (code !== 0) throw new CommandFailure(`${file} could not be read (exit code ${code}).`)
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch {
      throw new CommandFailure(`${file} neither exports an app (export default app) nor starts one.`)
    }
    return JSON.parse(text)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function packageOf(): { name?: string; version?: string; description?: string } {
  try {
    const { name, version, description } = JSON.parse(readFileSync('package.json', 'utf8'))
    return { name, version, description }
  } catch {
    return {}
  }
}
