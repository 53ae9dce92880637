/** The tables of errors: what each is comes to light in the comparison with nats-server (test/peers/differential/errors). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONSUMER_ERRORS } from '../../src/jetstream/config/consumer/errors.ts'
import { API_ERRORS } from '../../src/jetstream/config/errors.ts'
import { ELSEWHERE } from '../peers/differential/errors/elsewhere.ts'
import { LIMITED } from '../peers/differential/errors/limited.ts'
import { PRODUCED } from '../peers/differential/errors/produced.ts'

const ACTS = { ...PRODUCED, ...LIMITED }

test('each error has a code of its own, and a request that brings it about or a reason why none does', () => {
  const seen = new Map<number, string>()
  const tables: Record<string, readonly [number, number, string]>[] = [API_ERRORS, CONSUMER_ERRORS]
  for (const table of tables) {
    for (const [error, [status, code, text]] of Object.entries(table)) {
      assert.equal(seen.get(code), undefined, `${error} and ${seen.get(code)} are both ${code}`)
      seen.set(code, error)
      assert.ok(status >= 400 && status < 600 && code >= 10_000 && text !== '', error)
      assert.ok(error in ACTS !== error in ELSEWHERE, `${error} has one place`)
    }
  }
})
