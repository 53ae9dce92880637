/** The files of a new project. */

/** Path → text. */
export function projectFiles(name: string, contrail: string): Record<string, string> {
  return {
    'package.json': `${JSON.stringify(
      {
        name,
        version: '0.1.0',
        private: true,
        type: 'module',
        engines: { node: '>=20.15' },
        scripts: {
          start: 'contrail run app.ts',
          dev: 'contrail run app.ts --watch',
          docs: 'contrail docs app.ts',
          test: 'node --import tsx --test app.test.ts',
          check: 'tsc --noEmit',
        },
        dependencies: { contrail, zod: '^4.2.0' },
        devDependencies: { '@types/node': '^20.19.0', tsx: '^4.20.0', typescript: '^5.9.0' },
      },
      null,
      2,
    )}\n`,
    'app.ts': APP,
    'app.test.ts': TEST,
    'tsconfig.json': `${JSON.stringify(
      {
        compilerOptions: {
          target: 'es2023',
          lib: ['es2023', 'esnext.disposable'],
          module: 'nodenext',
          strict: true,
          noEmit: true,
          allowImportingTsExtensions: true,
          skipLibCheck: true,
          types: ['node'],
        },
        include: ['*.ts'],
      },
      null,
      2,
    )}\n`,
    '.gitignore': 'node_modules/\n.contrail/\ndocs/\n',
    'README.md': `# ${name}

\`\`\`
npm start        # runs the app; its data is in .contrail/
npm run dev      # runs it again after each change
npm test
npm run docs     # docs/index.html and docs/asyncapi.json
\`\`\`

On a server or a cluster: \`CONTRAIL_URL=nats://host:4222 npm start\`.
`,
  }
}

const APP = `import { App } from 'contrail'
import { z } from 'zod'

const app = new App()

const Order = z.object({ sku: z.string(), quantity: z.number().int().positive() })

const orders = app.stream('ORDERS', { subjects: ['orders.>'], maxAge: '30d' })
export const stock = app.keyValue('stock', { schema: z.number() })

export const billing = orders.consume(
  'orders.{id}.created',
  { durable: 'billing', schema: Order, retry: { attempts: 5, backoff: '1s', deadLetter: true } },
  async (order, { params, log }) => {
    const left = await stock.update(order.sku, (left = 10) => left - order.quantity)
    log.info({ order: params.id, left }, 'billed')
  },
)

app.subscribe('stock.left.{sku}', async (_, { params }) => (await stock.get(params.sku)) ?? 0)

app.afterStart(async ({ publish }) => {
  await publish('orders.1.created', { sku: 'nut', quantity: 3 }, { id: 'first-order' })
})

export default app
`

const TEST = `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testApp } from 'contrail/testing'
import app, { billing, stock } from './app.ts'

test('an order is billed', async () => {
  // On a broker in memory, whatever the app's own is.
  await using tested = await testApp(app)
  await tested.publish('orders.2.created', { sku: 'bolt', quantity: 4 })
  assert.equal(await stock.get('bolt'), 6)
  assert.equal(tested.calls(billing).at(-1)?.params.id, '2')
  assert.equal(await tested.request('stock.left.bolt'), 6)
})
`
