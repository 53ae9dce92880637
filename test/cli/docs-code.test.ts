/** Every piece of TypeScript in README and docs/framework compiles as a reader would have it: strict, from the package's types. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '..', '..', '..')
const folder = join(root, 'build', 'docs-code')

/** What pages name without saying it again. One that a piece declares itself is not added. */
const VOCABULARY: Record<string, string> = {
  z: "import { z } from 'zod'",
  assert: "import assert from 'node:assert/strict'",
  test: "import { test } from 'node:test'",
  Hono: "import { Hono } from 'hono'",
  NestFactory: "import { NestFactory } from '@nestjs/core'",
  ContrailTransport: "import { ContrailTransport } from 'contrail/nestjs'",
  app: "import { App as AnyApp } from 'contrail'\nconst app = new AnyApp({ memory: true })",
  orders: "const orders = app.stream('ORDERS')",
  Order: 'const Order = z.object({ sku: z.string(), quantity: z.number() })',
  Quantity: 'const Quantity = z.object({ quantity: z.number() })',
  Price: 'const Price = z.object({ cents: z.number() })',
  stock: "const stock = app.keyValue('stock', { schema: z.number() })",
  order: "const order = { sku: 'nut', quantity: 3 }",
  data: 'const data = { quantity: 3 }',
  billing: "const billing = orders.consume('orders.{id}.created', { durable: 'billing' }, () => {})",
  handler: 'const handler = () => {}',
  price: 'const price = () => ({ cents: 75 })',
  gift: 'const gift = () => {}',
  rest: 'const rest = () => {}',
  tidy: 'const tidy = () => {}',
  open: 'const open = () => {}',
  report: 'const report = (_error: unknown, _about: object) => {}',
  readAgain: 'const readAgain = async () => {}',
  send: 'declare function send(to: string): Promise<{ id: string }>',
  connect: 'declare function connect(): { begin(): Disposable; end(): void }',
  db: 'declare const db: { ping(): Promise<void> }',
  hono: 'const hono = new Hono()',
  express: "import createServer from 'express'\nconst express = createServer()",
  ShopModule: 'class ShopModule {}',
}

/** Names that the code uses: no properties, strings or comments. */
function uses(code: string, name: string): boolean {
  const bare = code
    .replace(/\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
    .replace(/`[^`]*`/g, (text) =>
      [...text.matchAll(/\$\{([^}]*)\}/g)].map(([, inner]) => `(${inner})`).join(),
    )
  return new RegExp(`(?<![.\\w$])${name}\\b(?!\\s*:)`).test(bare)
}

function declares(code: string, name: string): boolean {
  return new RegExp(
    `(?:const|let|using|class|function) ${name}\\b|import (?:\\{[^}]*)?\\b${name}\\b|const \\{[^}]*\\b${name}\\b[^}]*\\} =`,
  ).test(code)
}

/** A piece with what it takes for granted before it. */
function whole(piece: string, entry: readonly string[]): string {
  // What is left out is nothing.
  let code = piece
    .replaceAll('=> …', '=> {}')
    .replaceAll(/,? … \}/g, ' }')
    .replaceAll('{ …;', '{')
  for (const [name, text] of Object.entries(VOCABULARY).reverse()) {
    if (uses(code, name) && !declares(code, name)) code = `${text}\n${code}`
  }
  const missing = entry.filter((name) => uses(code, name) && !declares(code, name))
  return `${missing.length === 0 ? '' : `import { ${missing.join(', ')} } from 'contrail'\n`}${code}\nexport {}\n`
}

test('every piece of TypeScript in README and docs/framework compiles, strictly', async (t) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const entry = Object.keys(await import('contrail'))
  const docs = join(root, 'docs', 'framework')
  const pages = [join(root, 'README.md'), ...readdirSync(docs).map((name) => join(docs, name))]
  let count = 0
  for (const page of pages) {
    const name = page
      .slice(root.length + 1)
      .replaceAll(/[\\/]/g, '-')
      .replace('.md', '')
    for (const [, piece] of readFileSync(page, 'utf8').matchAll(/```ts\n(.*?)```/gs)) {
      // Files of a bundler: one after the other, with its paths.
      if (piece.includes("from '@/")) continue
      writeFileSync(join(folder, `${name}-${++count}.ts`), whole(piece, entry))
    }
  }
  assert.ok(count > 25, `${count} pieces`)
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const faults = await promisify(execFile)(process.execPath, [tsc, '-p', folder], { cwd: root }).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
  assert.equal(faults, '')
})
