import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { until } from './support.ts'

const examples = join(import.meta.dirname, '..', '..', 'examples')

/** A web server of the examples, in a process and a folder of its own. */
class Web {
  printed = ''
  exit: { code: number | null; signal: string | null } | undefined
  readonly #child: ReturnType<typeof spawn>

  constructor(t: TestContext, name: string) {
    const folder = mkdtempSync(join(tmpdir(), 'contrail-web-'))
    const { CONTRAIL_TEST_SERVERS: servers, ...environment } = process.env
    this.#child = spawn(process.execPath, [join(examples, name)], {
      cwd: folder,
      env: {
        ...environment,
        PORT: '0',
        LOG_LEVEL: 'error',
        ...(servers ? { CONTRAIL_URL: servers } : { CONTRAIL_MEMORY: '1' }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child.stdout?.on('data', (bytes) => {
      this.printed += bytes
    })
    this.#child.on('exit', (code, signal) => {
      this.exit = { code, signal }
    })
    t.after(() => {
      this.#child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    })
  }

  async url(): Promise<string> {
    await until(() => this.exit !== undefined || /listening on http\S+\n/.test(this.printed), 'it', 20_000)
    const url = /listening on (http\S+)\n/.exec(this.printed)?.[1]
    assert.ok(url, this.printed)
    return url
  }

  stop(): void {
    this.#child.kill('SIGTERM')
  }
}

for (const name of ['fastify', 'hono', 'express', 'nestjs']) {
  test(`examples/${name}.ts: one route publishes, another requests, and both servers stop together`, async (t) => {
    const web = new Web(t, `${name}.js`)
    const url = await web.url()
    const id = `${name}-${process.pid}`
    const post = () =>
      fetch(`${url}/orders/${id}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sku: 'nut', quantity: 3 }),
      })
    const first = await post()
    assert.equal(first.status, 202)
    assert.equal(((await first.json()) as { duplicate: boolean }).duplicate, false)
    // What could never be handled is not taken.
    const orders = (order: string, body: string) =>
      fetch(`${url}/orders/${order}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
    const good = '{"sku":"nut","quantity":3}'
    for (const [order, body] of [
      ['a.b', good],
      ['%3E', good],
      ['*', good],
      ['%20', good],
      ['9', '{"sku":"nut"}'],
      ['9', '{"sku":"nut","quantity":"3"}'],
      ['9', '[]'],
      ['9', '{"sku":'],
    ]) {
      const refused = await orders(order, body)
      assert.equal(refused.status, 400, `${order} ${body}`)
      assert.ok(((await refused.json()) as { error?: string }).error, `${order} ${body}`)
    }
    assert.equal((await fetch(`${url}/sold/a.b`)).status, 400)
    // The same order once more is stored once.
    assert.equal(((await (await post()).json()) as { duplicate: boolean }).duplicate, true)
    await until(async () => (await (await fetch(`${url}/sold/nut`)).json()) === 3, 'the sale')
    const ready = await fetch(`${url}/readyz`)
    assert.equal(ready.status, 200)
    assert.equal(((await ready.json()) as { subscriptions: number }).subscriptions, 2)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    assert.match(metrics, /^contrail_messages_handled_total\{.*stream="SALES".*\} 1$/m)
    web.stop()
    await until(() => web.exit !== undefined, 'the end', 10_000)
    assert.deepEqual(web.exit, { code: 0, signal: null }, web.printed)
    assert.match(web.printed, /\nstopped\n$/)
    await assert.rejects(fetch(`${url}/readyz`))
  })
}
