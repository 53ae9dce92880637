/** What the image and the unit name is there, and the entry point does what nats-server's does. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'
import { readConfigFile } from '../../src/server/config/index.ts'
import type { Launch } from '../../src/server/launch.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const scratch = mkdtempSync(join(tmpdir(), 'contrail-image-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const onPosix = { skip: process.platform === 'win32' }

test('flags alone are flags of the server, and whatever else is called for is run', onPosix, () => {
  const server = join(scratch, 'nats-server')
  writeFileSync(server, '#!/bin/sh\necho nats-server "$@"\n')
  chmodSync(server, 0o755)
  const env = { ...process.env, PATH: `${scratch}${delimiter}${process.env.PATH}` }
  const entry = (...words: string[]) =>
    execFileSync('sh', [join(root, 'docker', 'docker-entrypoint.sh'), ...words], {
      env,
      encoding: 'utf8',
    }).trim()
  assert.equal(entry(), 'nats-server')
  assert.equal(entry('-js', '-sd', '/data'), 'nats-server -js -sd /data')
  assert.equal(entry('--config', 'x'), 'nats-server --config x')
  assert.equal(entry('nats-server', '-v'), 'nats-server -v')
  assert.equal(entry('echo', 'hello'), 'hello')
})

test('what the image copies is there, and let in by .dockerignore', () => {
  const dockerfile = readFileSync(join(root, 'docker', 'Dockerfile'), 'utf8')
  const ignore = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap((match) =>
    match[1].split(' ').slice(0, -1),
  )
  assert.ok(copied.length > 5)
  for (const path of copied) {
    assert.ok(existsSync(join(root, path)), path)
    assert.ok(ignore.includes(`!${path.split('/')[0]}`), path)
  }
  assert.match(dockerfile, /^USER node$/m)
  assert.match(dockerfile, /^HEALTHCHECK /m)
})

test('the configuration of the image is read', () => {
  const launch: Launch = { server: {}, log: {} }
  const { warnings, notices } = readConfigFile(join(root, 'docker', 'nats-server.conf'), launch)
  assert.deepEqual([warnings, notices], [[], []])
  assert.deepEqual(launch.server, { port: 4222, monitorPort: 8222 })
})

test('the unit sends signals that the server knows', () => {
  const unit = readFileSync(join(root, 'systemd', 'contrail-server.service'), 'utf8')
  assert.match(unit, /^ExecReload=\/bin\/kill -s HUP \$MAINPID$/m)
  assert.match(unit, /^ExecStop=\/bin\/kill -s USR2 \$MAINPID$/m)
})
