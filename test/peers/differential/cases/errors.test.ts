/** Each error of the JetStream API's table is brought about by a request, or belongs elsewhere for a reason. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CONSUMER_ERRORS } from '../../../../src/jetstream/config/consumer/errors.ts'
import { API_ERRORS } from '../../../../src/jetstream/config/errors.ts'
import { root } from '../../servers.ts'
import { ELSEWHERE } from '../errors/elsewhere.ts'
import { CONFIG, LIMITED } from '../errors/limited.ts'
import { type Act, PRODUCED } from '../errors/produced.ts'
import { differential, serversWith } from '../harness.ts'
import type { Session } from '../session.ts'

const OURS: Record<string, readonly [number, number, string]> = { ...API_ERRORS, ...CONSUMER_ERRORS }

serversWith({ flags: ['-js'], config: CONFIG })
const ACTS: Readonly<Record<string, Act>> = { ...PRODUCED, ...LIMITED }

/** The last that was answered to it. */
async function answerTo(bring: Act, s: Session): Promise<string> {
  await bring(s)
  return JSON.stringify(s.transcript.at(-1)?.got).replaceAll('\\"', '"')
}

for (const [error, bring] of Object.entries(ACTS)) {
  differential(`${error} is answered`, async (s) => {
    const answer = await answerTo(bring, s)
    assert.match(answer, new RegExp(`"err_code":${OURS[error][1]}\\b`))
  })
}

/** nats-server's own table, where it lies beside the repository. */
const TABLE = join(root, '..', 'shared', 'reference', 'jetstream-errors.json')

test('the table of errors is that of nats-server', { skip: !existsSync(TABLE) }, () => {
  const table: { constant: string; code: number; error_code: number; description: string }[] = JSON.parse(
    readFileSync(TABLE, 'utf8'),
  )
  const known = new Set(table.map(({ constant }) => constant))
  for (const { constant, code, error_code, description } of table) {
    assert.ok(constant in ACTS !== constant in ELSEWHERE, `${constant} (${error_code}) has one place`)
    if (constant in OURS) assert.deepEqual([...OURS[constant]], [code, error_code, description], constant)
    else assert.ok(constant in ELSEWHERE, constant)
  }
  const named = [...Object.keys(OURS), ...Object.keys(ACTS), ...Object.keys(ELSEWHERE)]
  for (const constant of named) assert.ok(known.has(constant), constant)
})
