import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { UrlResolver } from '../../src/server/operator/url-resolver.ts'

test('accounts that anybody names are asked for a few at a time, and not for ever', async (t) => {
  let most = 0
  const open = new Set<ServerResponse>()
  const http = createServer((_request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    most = Math.max(most, open.size)
    // Headers, and never the end.
    response.writeHead(200).write('x')
  })
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  t.after(() => {
    http.closeAllConnections()
    http.close()
  })
  const resolver = new UrlResolver(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, 300)
  const startMs = performance.now()
  const outcomes = await Promise.allSettled(Array.from({ length: 2000 }, (_, i) => resolver.fetch(`A${i}`)))
  assert.ok(most <= 32, `${most} at once`)
  const reasons = outcomes.map((each) =>
    each.status === 'rejected' ? String(each.reason.message) : 'answered',
  )
  assert.equal(reasons.includes('answered'), false)
  assert.ok(reasons.filter((each) => each === 'too many accounts are asked for').length >= 2000 - 32 * 4)
  assert.ok(performance.now() - startMs < 3000)
  // And it goes on afterwards.
  await assert.rejects(resolver.fetch('A'), /could not fetch/)
})
