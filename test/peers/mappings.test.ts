/** Mappings beside nats-server's, which the `nats` command line has inside: the same subject, or the same complaint. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { SubjectBuffer, SubjectTransform, TransformError } from '../../src/subjects/index.ts'
import { randomMapping } from '../subjects/mappings.ts'
import { natsCli, needPeer } from './servers.ts'

const SCRIPTS = Number(process.env.SCRIPTS ?? 60)
const SEED = Number(process.env.SEED ?? 1)
const AT_ONCE = 4

/** What the command line says of it. */
function theirs(source: string, destination: string, subject: string): Promise<string> {
  return new Promise((done) => {
    execFile(
      needPeer(natsCli),
      ['server', 'mappings', source, destination, subject],
      (_error, stdout, stderr) => {
        const said = `${stdout}${stderr}`.trim()
        done(said.replace(/^(nats: error: |Error: )/, ''))
      },
    )
  })
}

function ours(source: string, destination: string, subject: string): string {
  try {
    const to = new SubjectBuffer()
    return (
      SubjectTransform.compile(source, destination)?.applyText(subject, to) ??
      'no matching transforms available'
    )
  } catch (error) {
    if (error instanceof TransformError) return error.message
    throw error
  }
}

test(`mappings made by chance are nats-server's: seeds ${SEED} to ${SEED + SCRIPTS - 1}`, async () => {
  const differences: string[] = []
  let seed = SEED
  const lane = async (): Promise<void> => {
    while (seed < SEED + SCRIPTS) {
      const own = seed++
      const { source, destination, subjects } = randomMapping(new Random(own))
      for (const subject of subjects.slice(0, 3)) {
        const expected = await theirs(source, destination, subject)
        const found = ours(source, destination, subject)
        if (expected !== found)
          differences.push(`seed ${own}: ${source} → ${destination}, ${subject}: ${expected} / ${found}`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  assert.deepEqual(differences, [])
})
