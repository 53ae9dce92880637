import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { JwtFolder } from '../../src/server/operator/jwt-folder.ts'
import type { FolderSettings } from '../../src/server/operator/options.ts'
import { accountJwt, newKey, userJwt } from '../jwts.ts'

const operator = newKey.operator()
const accounts = Array.from({ length: 4 }, newKey.account)
const names = accounts.map(({ publicKey }) => publicKey)
const jwts = accounts.map((account) => accountJwt(operator, account))

function open(t: TestContext, settings: Partial<FolderSettings> = {}, now = () => Date.now()) {
  const parent = mkdtempSync(join(tmpdir(), 'contrail-jwts-'))
  t.after(() => rmSync(parent, { recursive: true, force: true }))
  const dir = join(parent, 'jwts')
  const all: FolderSettings = {
    type: 'full',
    dir,
    deletes: 'never',
    limit: Infinity,
    ttlMs: Infinity,
    ...settings,
  }
  return { dir, parent, folder: new JwtFolder(all, now), again: () => new JwtFolder(all, now) }
}

test('names that are no key of an account lead nowhere', (t) => {
  const { folder, parent, dir } = open(t, { deletes: 'removing' })
  writeFileSync(join(parent, 'x.jwt'), 'outside')
  const bad = [
    '',
    '.',
    '..',
    '../x',
    'x',
    '/etc/passwd',
    `../${names[0]}`,
    `${names[0]}/../../x`,
    names[0].slice(1),
  ]
  bad.push(`${names[0]}\0`, `${names[0].slice(0, -1)}A`, newKey.user().publicKey, operator.publicKey)
  for (const name of bad) {
    assert.equal(folder.load(name), null, name)
    assert.throws(() => folder.save(name, jwts[0]), { message: 'invalid public key' }, name)
    folder.delete(name)
  }
  assert.deepEqual(readdirSync(dir), [])
  assert.equal(readFileSync(join(parent, 'x.jwt'), 'utf8'), 'outside')
})

test('what is in the folder is there the next time, and nothing else', (t) => {
  const { folder, dir, again } = open(t)
  assert.throws(() => folder.save(names[0], ''), { message: 'invalid JWT' })
  for (const i of [2, 0, 1]) folder.save(names[i], jwts[i])
  writeFileSync(join(dir, 'note.jwt'), 'x')
  writeFileSync(join(dir, `${names[3]}.jwt.deleted`), jwts[3])
  const sorted = names.slice(0, 3).sort()
  for (const each of [folder, again()]) {
    assert.deepEqual(
      each.all().map(([name]) => name),
      sorted,
    )
    assert.deepEqual(each.hash(), folder.hash())
    assert.equal(each.load(names[1]), jwts[1])
  }
})

test('a JWT is kept when it is newer, and of the account', (t) => {
  const { folder } = open(t)
  const changed: string[] = []
  folder.onChanged = (name) => void changed.push(name)
  const at = (iat: number) => accountJwt(operator, accounts[0], {}, { iat })
  folder.keep(names[0], at(100))
  const newer = at(200)
  folder.keep(names[0], newer)
  folder.keep(names[0], at(150))
  folder.keep(names[0], newer)
  assert.equal(folder.load(names[0]), newer)
  assert.throws(() => folder.keep(names[0], accountJwt(operator, accounts[1])), /do not match/)
  assert.throws(() => folder.keep(names[0], 'x'), /expected 3 chunks/)
  assert.equal(folder.load(names[0]), newer)
  assert.deepEqual(changed, [names[0], names[0]])
})

test('a full folder takes no more, a cache forgets the longest unused', (t) => {
  const full = open(t, { limit: 2 })
  for (const i of [0, 1]) full.folder.save(names[i], jwts[i])
  assert.throws(() => full.folder.save(names[2], jwts[2]), { message: 'jwt store is full' })
  full.folder.save(names[1], accountJwt(operator, accounts[1], { tags: ['x'] }))

  let nowMs = 1000
  const cache = open(t, { type: 'cache', deletes: 'removing', limit: 2, ttlMs: 500 }, () => nowMs)
  for (const i of [0, 1]) cache.folder.save(names[i], jwts[i])
  cache.folder.load(names[0])
  cache.folder.save(names[2], jwts[2])
  assert.deepEqual(
    [0, 1, 2].map((i) => cache.folder.load(names[i]) !== null),
    [true, false, true],
  )
  nowMs += 501
  assert.equal(cache.folder.load(names[0]), null)
  assert.equal(existsSync(join(cache.dir, `${names[0]}.jwt`)), false)
})

test('deleting, when it is allowed', (t) => {
  const never = open(t)
  never.folder.save(names[0], jwts[0])
  assert.throws(() => never.folder.delete(names[0]), { message: 'store is not set up to for delete' })
  for (const deletes of ['removing', 'renaming'] as const) {
    const { folder, dir } = open(t, { deletes })
    const deleted: string[] = []
    folder.onDeleted = (name) => void deleted.push(name)
    folder.save(names[0], jwts[0])
    folder.delete(names[0])
    folder.delete(names[1])
    assert.deepEqual(deleted, [names[0]])
    assert.equal(folder.load(names[0]), null)
    assert.deepEqual(readdirSync(dir), deletes === 'removing' ? [] : [`${names[0]}.jwt.deleted`])
  }
})

test('what has expired is not shown', (t) => {
  const { folder } = open(t, {}, () => 10_000_000)
  folder.save(names[0], accountJwt(operator, accounts[0], {}, { exp: 9999 }))
  folder.save(names[1], accountJwt(operator, accounts[1], {}, { exp: 10_001 }))
  folder.save(names[2], userJwt(accounts[2], newKey.user()))
  assert.deepEqual(
    folder.all().map(([name]) => name),
    [names[1], names[2]].sort(),
  )
})
