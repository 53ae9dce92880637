import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { z } from 'zod'
import { App, asyncApi, contract } from '../../src/app/index.ts'
import { clientOf } from '../../src/cli/generate/client.ts'
import { TypeWriter } from '../../src/cli/generate/types.ts'
import { MemoryLog } from '../app/support.ts'

const root = join(import.meta.dirname, '..', '..', '..')

function run(
  program: string,
  words: readonly string[],
  cwd: string,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], { timeout: 60_000, cwd }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

function folderOf(t: TestContext): string {
  // Inside the project, where `contrail` and its types are found.
  const folder = mkdtempSync(join(root, 'build', 'generate-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

function shop(): App {
  const app = new App({ memory: true }, { name: 'my shop', log: new MemoryLog() })
  const agreed = contract({
    priceOf: {
      subject: 'price.{sku}',
      description: 'What it costs */ evil()',
      schema: z.object({ quantity: z.number(), color: z.enum(['red', 'blue']).optional() }),
      response: z.object({ total: z.number() }),
    },
  })
  agreed.priceOf.handle(app, () => ({ total: 1 }))
  app
    .stream('ORDERS')
    .consume('orders.{id}.created', { durable: 'w', schema: z.object({ 'the sku': z.string() }) }, () => {})
  app.subscribe('orders.created', () => {})
  return app
}

test('JSON Schema becomes TypeScript', () => {
  const writer = new TypeWriter({
    defs: { tree: { type: 'object', properties: { next: { $ref: '#/defs/tree' } } } },
  })
  const types: Array<[object, string]> = [
    [{}, 'unknown'],
    [{ type: 'integer' }, 'number'],
    [{ type: ['string', 'null'] }, 'string | null'],
    [{ enum: ['a', 1] }, '"a" | 1'],
    [{ const: 'x' }, '"x"'],
    [{ type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'number' }] } }, '(string | number)[]'],
    [{ type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }] }, '[string, number]'],
    [{ type: 'object', additionalProperties: { type: 'number' } }, 'Record<string, number>'],
    [{ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }, '{\n  a: string\n}'],
    [{ allOf: [{ type: 'string' }, {}] }, 'string & unknown'],
    [{ $ref: '#/defs/tree' }, '{\n  next?: unknown\n}'],
    [{ $ref: '#/nowhere' }, 'unknown'],
  ]
  for (const [schema, type] of types) assert.equal(writer.typeOf(schema), type)
})

test('a generated client compiles, and has the types of the app', async (t) => {
  const folder = folderOf(t)
  const code = clientOf(asyncApi(shop()) as never, 'shop')
  assert.match(code, /\/\*\* What it costs \* \/ evil\(\) \*\//)
  assert.match(
    code,
    /priceOf: \{ subject: "price\.\{sku\}", schema: unchecked<PriceOf>\(\), response: unchecked<PriceOfAnswer>\(\) \}/,
  )
  assert.match(code, /ordersCreated: \{ subject: "orders\.\{id\}\.created"/)
  assert.match(code, / {2}ordersCreated2?: | {2}\w+: \{ subject: "orders\.created" \}/)
  writeFileSync(join(folder, 'shop.ts'), code)
  writeFileSync(
    join(folder, 'use.ts'),
    `import { App } from 'contrail'
import { shop } from './shop.ts'
const app = new App()
const { total } = await shop.priceOf.request(app, { quantity: 3, color: 'red' }, { params: { sku: 'nut' } })
export const sum: number = total
// @ts-expect-error no such colour
await shop.priceOf.request(app, { quantity: 3, color: 'green' }, { params: { sku: 'nut' } })
await shop.ordersCreated.publish(app, { 'the sku': 'nut' }, { params: { id: 7 } })
// @ts-expect-error a name of the subject is missing
await shop.ordersCreated.publish(app, { 'the sku': 'nut' })
`,
  )
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: true,
      incremental: false,
      rootDir: root,
      allowImportingTsExtensions: true,
      rewriteRelativeImportExtensions: false,
    },
    include: [],
    files: ['use.ts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { code: exit, output } = await run(
    join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
    ['-p', folder],
    folder,
  )
  assert.equal(exit, 0, output)
})

test('contrail generate reads an app or a document, and says what is wrong', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-generate-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const program = join(root, 'bin', 'contrail')
  writeFileSync(join(folder, 'asyncapi.json'), JSON.stringify(asyncApi(shop())))
  const made = await run(program, ['generate', 'asyncapi.json'], folder)
  assert.equal(made.code, 0, made.output)
  assert.match(made.output, /export const myShop = contract\(\{/)
  writeFileSync(join(folder, 'old.json'), '{"asyncapi":"2.6.0"}')
  const old = await run(program, ['generate', 'old.json'], folder)
  assert.equal(old.code, 1)
  assert.match(old.output, /is no AsyncAPI 3 document/)
  assert.equal((await run(program, ['generate'], folder)).code, 2)
  const wrong = await run(program, ['generate', 'asyncapi.json', '--name', 'a b'], folder)
  assert.match(wrong.output, /"a b" is no name/)
})

test('the folder of what is generated is made', async (t) => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'asyncapi.json'), JSON.stringify(asyncApi(shop())))
  const program = join(root, 'bin', 'contrail')
  const made = await run(program, ['generate', 'asyncapi.json', '--out', 'client/shop.ts'], folder)
  assert.equal(made.output, 'wrote client/shop.ts\n')
  const failed = await run(program, ['generate', 'asyncapi.json', '--out', 'asyncapi.json/shop.ts'], folder)
  assert.equal(failed.code, 1)
  assert.match(failed.output, /asyncapi\.json\/shop\.ts can't be written: /)
})
