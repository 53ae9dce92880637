/** In a real browser: the page that `contrail docs` writes, and a client that connects by WebSocket. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { build } from 'esbuild'
import { Browser, findBrowser } from './browser.ts'
import { freePort, PeerServer, root } from './servers.ts'

const path = findBrowser()
const options =
  path === null ? { skip: 'there is no Chromium or Chrome here: `npm run peers` says how to get it' } : {}
const browser = path === null ? null : new Browser(path)
after(() => browser?.close())

/** Serves one page; resolves to its server and where it is. */
async function served(type: string, page: string): Promise<{ server: Server; origin: string }> {
  const server = createServer((_, response) => response.setHeader('content-type', type).end(page))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test(
  'the page that `contrail docs` writes: contents, search, light and dark, under its own strict policy',
  options,
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'contrail-docs-'))
    t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    const app = join(root, 'build', 'examples', 'shop.js')
    execFileSync(process.execPath, [join(root, 'bin', 'contrail'), 'docs', app, '--out', folder])
    const { server, origin } = await served('text/html', readFileSync(join(folder, 'index.html'), 'utf8'))
    t.after(() => server.close())
    const page = await (browser as Browser).open(`${origin}/`)
    const shown = () =>
      page.evaluate<string[]>(
        `[...document.querySelectorAll('article')].filter((each) => each.checkVisibility()).map((each) => each.querySelector('h3 code').textContent)`,
      )
    const all = ['orders.{id}.created', 'stock.left.{sku}', 'ORDERS', 'stock']
    assert.deepEqual(await shown(), all)
    assert.deepEqual(
      await page.evaluate(
        `[...document.querySelectorAll('nav a')].map((link) => document.getElementById(link.hash.slice(1)) !== null)`,
      ),
      all.map(() => true),
      'what is in the contents leads somewhere',
    )
    // As it is typed, and as an address that somebody was sent.
    await page.evaluate(
      `(() => { const field = document.querySelector('#search'); field.value = 'billing quantity'; field.dispatchEvent(new Event('input')) })()`,
    )
    assert.deepEqual(await shown(), ['orders.{id}.created'])
    assert.equal(await page.evaluate('location.hash'), '#?billing%20quantity')
    await page.evaluate(`location.hash = '#?nothing%20of%20that'`)
    await page.evaluate('new Promise((resolve) => setTimeout(resolve))')
    assert.deepEqual(await shown(), [])
    assert.equal(await page.evaluate(`document.querySelector('.none').checkVisibility()`), true)
    const paper = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const before = await paper()
    await page.evaluate(`document.querySelector('#theme').click()`)
    assert.notEqual(await paper(), before)
    await page.evaluate(`document.querySelector('#theme').click()`)
    assert.equal(await paper(), before)
    assert.deepEqual(
      page.complaints.filter((each) => !each.includes('favicon')),
      [],
    )
    // What somebody smuggles in is not run.
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.smuggled = true' }))`,
    )
    assert.equal(await page.evaluate('window.smuggled'), undefined)
    assert.match(page.complaints.join('\n'), /Content Security Policy/)
  },
)

test(
  'a browser connects by WebSocket, and watches a bucket; from another origin it is refused',
  options,
  async (t) => {
    const bundle = await build({
      entryPoints: [join(root, 'test', 'peers', 'pages', 'websocket.ts')],
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'iife',
    })
    const html = `<!doctype html><meta charset="utf-8"><script>${bundle.outputFiles[0].text.replaceAll('</script', '<\\/script')}</script>`
    const [own, other] = [await served('text/html', html), await served('text/html', html)]
    const port = await freePort()
    const contrail = new PeerServer('contrail', {
      config: `jetstream: enabled
authorization { users: [ { user: web, password: secret } ] }
websocket { listen: "127.0.0.1:${port}", no_tls: true, compression: true, allowed_origins: ["${own.origin}"] }`,
      flags: ['-js'],
    })
    t.after(async () => {
      own.server.close()
      other.server.close()
      await contrail.dispose()
    })
    await contrail.start()
    const page = await (browser as Browser).open(`${own.origin}/`)
    assert.deepEqual(await page.evaluate(`watchStock('ws://127.0.0.1:${port}')`), [
      'PUT nuts three',
      `PUT nuts ${'x'.repeat(11)}`,
      'DEL nuts',
    ])
    const stranger = await (browser as Browser).open(`${other.origin}/`)
    await assert.rejects(stranger.evaluate(`watchStock('ws://127.0.0.1:${port}')`))
  },
)
