// The layer check: rooms know each other in one direction only, and by their index.ts; files never in a circle. Reads the imports of
// src/**/*.ts, types included.
import { readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { files, root, say } from './house.mjs'

/** Room → what it may import, directly. `room/file.ts` is an opening besides the room's index.ts. */
const mayUse = {
  ports: [],
  subjects: ['wire/ascii.ts'],
  wire: [],
  archive: [],
  storage: ['ports', 'subjects', 'archive'],
  core: ['ports', 'wire', 'subjects'],
  auth: ['core', 'ports', 'subjects', 'wire'],
  jetstream: ['ports', 'storage', 'core', 'subjects', 'wire', 'archive'],
  server: ['ports', 'storage', 'jetstream', 'auth', 'core', 'subjects', 'wire', 'archive'],
  app: ['server', 'subjects/hash.ts'],
  opentelemetry: ['app'],
  nestjs: ['app'],
  testing: ['app', 'server'],
  cli: ['server', 'app', 'ports', 'storage', 'archive'],
}

/** Rooms in a room, from below: a folder's files may import those of folders before it, and files beside the folders all of them. */
const inside = {
  storage: [
    'files',
    'format',
    'sealing',
    'subjects',
    'packing',
    'segments',
    'journal',
    'log',
    'checkpoint',
    'recovery',
  ],
  jetstream: [
    'config',
    'headers',
    'stream',
    'schedules',
    'publish',
    'origins',
    'consumer/state',
    'consumer/acks',
    'consumer/requests',
    'consumer/delivery',
    'consumer',
    'account',
    'backup',
    'api',
  ],
}

/** What only one file of a room may use: an app talks to servers by the public clients; the embedded one is started in one place. */
const onlyBy = { 'app>server': 'app/embedded-broker.ts' }

const openings = [
  'app/nearest.ts',
  'app/server-urls.ts',
  'server/process.ts',
  'ports/alarm.ts',
  'ports/real-clock.ts',
  'ports/real-file-system.ts',
  'ports/overlay-file-system.ts',
  'subjects/filter.ts',
  'subjects/hash.ts',
  'wire/ascii.ts',
]

const importPattern =
  /(?:^|[\s;])(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm
const faults = []

/** File → the files it imports, as paths below src/. */
const imports = new Map()

for (const path of files('src', '.ts')) {
  const inSource = relative('src', path).split(sep).join('/')
  const room = inSource.split('/')[0]
  const allowed = mayUse[room]
  if (allowed === undefined) {
    faults.push(`${path}: ${room} is no room of the house (scripts/layers.mjs)`)
    continue
  }
  const text = readFileSync(join(root, path), 'utf8')
  const imported = []
  imports.set(inSource, imported)
  for (const match of text.matchAll(importPattern)) {
    const name = match[1] ?? match[2] ?? match[3]
    if (!name.startsWith('.')) continue
    const target = relative('src', join(dirname(path), name))
      .split(sep)
      .join('/')
    imported.push(target)
    const other = target.split('/')[0]
    if (other === room) {
      if (floorOf(target) > floorOf(inSource)) faults.push(`${path}: ${name} is above it in the room`)
      continue
    }
    const only = onlyBy[`${room}>${other}`]
    if (only !== undefined && only !== inSource) {
      faults.push(`${path}: only ${only} may use ${other} (${name})`)
    } else if (!allowed.includes(other) && !allowed.includes(target)) {
      faults.push(`${path}: ${room} may not use ${other} (${name})`)
    } else if (target !== `${other}/index.ts` && !openings.includes(target)) {
      faults.push(`${path}: ${name} reaches around ${other}/index.ts`)
    }
  }
}

for (const circle of circles()) {
  faults.push(`${circle.length} files import each other in a circle: ${circle.join(', ')}`)
}

/** The place of a file in the order of its room's folders. */
function floorOf(file) {
  const floors = inside[file.split('/')[0]]
  if (floors === undefined) return 0
  const floor = floors.findIndex((folder) => file.startsWith(`${file.split('/')[0]}/${folder}/`))
  return floor < 0 ? floors.length : floor
}

/** The files that reach themselves by their imports, each circle once (Tarjan's strongly connected components). */
function circles() {
  const found = []
  const marks = new Map()
  const path = []
  const visit = (file) => {
    const mark = { number: marks.size, low: marks.size, isOpen: true }
    marks.set(file, mark)
    path.push(file)
    for (const next of imports.get(file) ?? []) {
      const other = marks.get(next)
      if (other === undefined) mark.low = Math.min(mark.low, visit(next).low)
      else if (other.isOpen) mark.low = Math.min(mark.low, other.number)
    }
    if (mark.low === mark.number) {
      const circle = path.splice(path.indexOf(file))
      for (const member of circle) marks.get(member).isOpen = false
      if (circle.length > 1) found.push(circle.sort())
    }
    return mark
  }
  for (const file of imports.keys()) if (!marks.has(file)) visit(file)
  return found
}

for (const fault of faults) console.error(fault)
say(faults.length === 0 ? 'layers are kept' : `${faults.length} imports break the layers`)
process.exitCode = faults.length === 0 ? 0 : 1
