import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccountShares, Bus, ChangingShares, type ImportDefinition } from '../../src/core/index.ts'
import { realClock } from '../../src/ports/real-clock.ts'

const MANY = 4000

function importOf(subject: string, account = 'EXPORTER', to = subject): ImportDefinition {
  return { kind: 'stream', account, subject, to, share: false }
}

const exporter: AccountShares = {
  name: 'EXPORTER',
  imports: [],
  exports: [
    {
      kind: 'stream',
      subject: 's.>',
      accounts: null,
      accountTokenPosition: 0,
      responseType: 'singleton',
      responseThresholdMs: 0,
    },
  ],
}

test('thousands of imports of one account are laid; what is there twice, or not shared, is told of, and the rest goes on', () => {
  const shares = new ChangingShares(new Bus({ clock: realClock }))
  shares.set(exporter)
  const many = Array.from({ length: MANY }, (_, i) => importOf(`s.${i}`))
  const twice = importOf('s.7', 'EXPORTER', 'again.7')
  const strange = importOf('t.1')
  const imports = [strange, ...many, twice, importOf('s.last')]
  const failed = shares.set({ name: 'IMPORTER', exports: [], imports })
  assert.deepEqual(
    failed.map(({ wanted }) => wanted),
    [strange, twice],
  )
  assert.equal(shares.importsOf('IMPORTER').length, MANY + 1)
  assert.equal(shares.importsOf('IMPORTER').at(-1)?.subject, 's.last')
  shares.remove('EXPORTER')
  assert.deepEqual(shares.importsOf('IMPORTER'), [])
})

test('accounts that take from each other in a round are told of it, whoever comes last', () => {
  const shares = new ChangingShares(new Bus({ clock: realClock }))
  const both = (name: string, other: string): AccountShares => ({
    name,
    exports: exporter.exports,
    imports: [importOf('s.>', other, 's.>')],
  })
  assert.equal(shares.set(both('A', 'B'))[0]?.error.message, 'account missing')
  shares.set(both('B', 'A'))
  assert.equal(shares.importsOf('A').length + shares.importsOf('B').length, 1)
})
