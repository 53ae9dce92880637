/** The page of `contrail docs`, of documents that hold anything. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { App, asyncApi } from 'contrail'
import { z } from 'zod'
import { docsPage } from '../../src/cli/docs-page/page.ts'
import { exampleOf } from '../../src/cli/docs-page/schema.ts'

function documentOf(app: App): Parameters<typeof docsPage>[0] {
  return asyncApi(app, { title: '<b>"shop" & co</b>' }) as never
}

test('what names, subjects and schemas hold is shown as text, and leads nowhere else', () => {
  const app = new App(undefined, { logLevel: 'silent' })
  const evil = '<img src=x onerror=alert(1)>'
  app.subscribe(
    'a.{id}.>',
    { queue: 'q"<script>', schema: z.object({ [evil]: z.string().describe(evil) }) },
    () => 1,
  )
  app.queue('mails', { schema: z.object({ to: z.email() }), concurrency: 2 })
  const page = docsPage(documentOf(app))
  assert.equal(page.includes('<img'), false)
  assert.equal(page.match(/<script/g)?.length, 1)
  assert.match(page, /<h1>&lt;b&gt;&quot;shop&quot; &amp; co&lt;\/b&gt;/)
  assert.match(page, /<h2>Queues of jobs<\/h2>.*<article id="queues-mails">/s)
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  assert.equal(new Set(ids).size, ids.length, 'no id is there twice')
  for (const [, id] of page.split('<script>')[0].matchAll(/href="#([^"]+)"/g)) assert.ok(ids.includes(id), id)
})

test('the policy lets in this style and this script, by their hashes, and nothing else', () => {
  const page = docsPage(documentOf(new App(undefined, { logLevel: 'silent' })))
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1] ?? ''
  assert.match(policy, /^default-src 'none'; /)
  for (const tag of ['style', 'script']) {
    const text = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(page)?.[1] ?? ''
    const hash = createHash('sha256').update(text).digest('base64')
    assert.ok(policy.includes(`${tag}-src 'sha256-${hash}'`), tag)
  }
  assert.equal(policy.includes('unsafe'), false)
})

test('examples are what their schemas take', () => {
  const schemas = [
    z.object({
      sku: z.string().min(6),
      quantity: z.int().min(3),
      tags: z.array(z.enum(['a', 'b'])),
      when: z.iso.datetime(),
    }),
    z.union([z.literal('x'), z.number()]),
    z.array(z.object({ to: z.email(), ratio: z.number().gt(0).max(0.5) })),
    z.object({ id: z.uuid(), at: z.iso.date(), on: z.boolean(), none: z.null(), url: z.url() }),
  ]
  for (const schema of schemas) {
    const described = z.toJSONSchema(schema)
    assert.doesNotThrow(() => schema.parse(exampleOf(described, described, 0)))
  }
  const Tree: z.ZodType = z.object({
    name: z.string(),
    get children() {
      return z.array(Tree)
    },
  })
  assert.equal(typeof exampleOf(z.toJSONSchema(Tree), z.toJSONSchema(Tree), 0), 'object')
})
