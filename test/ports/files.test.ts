/** The real files do what the port promises; the simulated ones lose only what was not synced. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { FileHandle, FileSystem } from '../../src/ports/index.ts'
import { realFileSystem } from '../../src/ports/real-file-system.ts'
import { SimulatedClock } from '../../src/ports/simulated-clock.ts'
import { SimulatedFileSystem } from '../../src/ports/simulated-file-system.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'contrail-files-'))
after(() => fs.rmSync(root, { recursive: true, force: true }))

function done(work: (settle: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => work((error) => (error === null ? resolve() : reject(error))))
}

function readSome(file: FileHandle, length: number, position: number): Promise<string> {
  const buffer = Buffer.alloc(length)
  return new Promise((resolve, reject) =>
    file.read(buffer, 0, length, position, (error, bytes) =>
      error === null ? resolve(buffer.toString('latin1', 0, bytes)) : reject(error),
    ),
  )
}

const kinds: [string, FileSystem, string][] = [
  ['real', realFileSystem, join(root, 'real')],
  ['simulated', new SimulatedFileSystem(1), 'simulated'],
]

for (const [kind, fileSystem, directory] of kinds) {
  test(`${kind} files: write, read, truncate, list, rename, remove`, async () => {
    await fileSystem.makeDirectory(`${directory}/a/b`)
    const path = `${directory}/a/b/file`
    await assert.rejects(fileSystem.open(path, false), { code: 'ENOENT' })
    await assert.rejects(fileSystem.readFile(path), { code: 'ENOENT' })
    assert.throws(() => fileSystem.readFileSync(path), { code: 'ENOENT' })
    const file = await fileSystem.open(path, true)
    const bytes = Buffer.from('..durable content..')
    await done((settle) => file.writeDurable(bytes, 2, 15, 4, settle))
    await done((settle) => file.write(Buffer.from('head'), 0, 4, 0, settle))
    await done((settle) => file.sync(settle))
    assert.equal(await readSome(file, 100, 0), 'headdurable content')
    assert.equal(await readSome(file, 7, 4), 'durable')
    assert.equal(await readSome(file, 7, 100), '')
    await done((settle) => file.truncate(4, settle))
    assert.equal(await fileSystem.size(path), 4)
    assert.equal((await fileSystem.readFile(path)).toString(), 'head')
    await done((settle) => file.close(settle))
    await fileSystem.rename(path, `${directory}/a/b/other`)
    await fileSystem.syncDirectory(`${directory}/a/b`)
    assert.deepEqual(await fileSystem.list(`${directory}/a/b`), ['other'])
    assert.equal(await fileSystem.exists(path), false)
    assert.equal(await fileSystem.exists(`${directory}/a/b/other`), true)
    await fileSystem.remove(`${directory}/a/b/other`)
    await fileSystem.removeTree(`${directory}/a`)
    await fileSystem.removeTree(`${directory}/a`)
    assert.deepEqual(await fileSystem.list(directory), [])
  })
}

test('a real file that is closed while it is written to ends the write first', async () => {
  const path = join(root, 'busy')
  const file = await realFileSystem.open(path, true)
  const bytes = Buffer.alloc(4 * 1024 * 1024, 'x')
  const order: string[] = []
  const written = done((settle) =>
    file.write(bytes, 0, bytes.length, 0, (error) => {
      order.push('written')
      settle(error)
    }),
  )
  await done((settle) =>
    file.close((error) => {
      order.push('closed')
      settle(error)
    }),
  )
  await written
  assert.deepEqual(order, ['written', 'closed'])
  assert.equal(fs.statSync(path).size, bytes.length)
})

test('after the power went, what was synced is there, and the same seed loses the same', async () => {
  const lossOf = async (seed: number): Promise<string> => {
    const fileSystem = new SimulatedFileSystem(3)
    await fileSystem.makeDirectory('d')
    const file = await fileSystem.open('d/file', true)
    await done((settle) => file.writeDurable(Buffer.alloc(2048, 's'), 0, 2048, 0, settle))
    await fileSystem.syncDirectory('d')
    await done((settle) => file.write(Buffer.alloc(8192, 'u'), 0, 8192, 2048, settle))
    const after = fileSystem.restart(seed)
    const content = (await after.readFile('d/file')).toString('latin1')
    assert.equal(content.slice(0, 2048), 's'.repeat(2048))
    return content
  }
  const outcomes = new Set<string>()
  for (let seed = 1; seed <= 20; seed++) {
    const content = await lossOf(seed)
    assert.equal(await lossOf(seed), content)
    outcomes.add(content)
  }
  assert.ok(outcomes.size > 5, 'lost, kept and torn all happen')
})

test('simulated time fires timers in their order, and not those that were cleared', () => {
  const clock = new SimulatedClock(1000)
  const fired: string[] = []
  clock.setTimer(() => fired.push(`late ${clock.now()}`), 20)
  clock.setTimer(() => {
    fired.push(`early ${clock.now()}`)
    clock.setTimer(() => fired.push(`nested ${clock.now()}`), 5)
  }, 10)
  clock.setTimer(() => fired.push('never'), 15).clear()
  clock.advance(9)
  assert.deepEqual(fired, [])
  clock.advance(11)
  assert.deepEqual(fired, ['early 1010', 'nested 1015', 'late 1020'])
})
