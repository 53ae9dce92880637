/**
 * `node build/bench/profile.js ROW [ROUNDS]`: runs one row against Contrail under --cpu-prof and prints
 * where the time went.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { scale, table } from './books.ts'
import { runRow } from './run-row.ts'
import { keepFolder, removeFolder, temporaryFolder } from './servers/ending.ts'
import { findTools, rootFolder, type Tools } from './servers/tools.ts'

interface CpuProfile {
  readonly nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  readonly samples: number[]
  readonly timeDeltas: number[]
}

const shown = 40
const rows = [...table.rows, ...scale.rows]

async function main(): Promise<void> {
  const [name, rounds = '2'] = process.argv.slice(2)
  const found = rows.filter((candidate) => name && candidate.name.toLowerCase().includes(name.toLowerCase()))
  if (found.length !== 1) {
    throw new Error(
      `profile.js ROW [ROUNDS]: ${found.length} rows match "${name}":\n${(found.length ? found : rows).map((row) => row.name).join('\n')}`,
    )
  }
  const folder = temporaryFolder('profile')
  const keep = process.env.KEEP_PROFILE !== undefined
  try {
    const contest = {
      tools: unbundled(findTools()),
      nodeFlags: ['--cpu-prof', '--cpu-prof-dir', folder],
      count: (n: number) => n,
    }
    const row = { ...found[0], contenders: ['contrail' as const] }
    const result = await runRow(
      row,
      Number(rounds),
      (contender) => ({ ...contest, contender }),
      () => {},
    )
    console.log(row.name, JSON.stringify(result.figures.contrail), ...Object.values(result.failures))
    for (const file of readdirSync(folder)) {
      print(JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile)
      if (keep) console.log(join(folder, file))
    }
  } finally {
    if (keep) keepFolder(folder)
    else removeFolder(folder)
  }
}

/** The modules one by one, so that the profile names their files. */
function unbundled(tools: Tools): Tools {
  const script = join(rootFolder, 'dist', 'server', 'main.js')
  return { ...tools, contrail: { command: process.execPath, args: [script] } }
}

function print(profile: CpuProfile): void {
  const places = new Map<number, string>()
  for (const { id, callFrame } of profile.nodes) {
    const file = callFrame.url
      .replace(/^file:\/\//, '')
      .replace(rootFolder, '')
      .replace(/^\//, '')
    places.set(
      id,
      `${callFrame.functionName || '(anonymous)'}  ${file}${file ? `:${callFrame.lineNumber + 1}` : ''}`,
    )
  }
  const self = new Map<string, number>()
  let busy = 0
  for (const [i, id] of profile.samples.entries()) {
    const place = places.get(id) as string
    if (place.startsWith('(idle)')) continue
    busy += profile.timeDeltas[i]
    self.set(place, (self.get(place) ?? 0) + profile.timeDeltas[i])
  }
  console.log(`busy ${(busy / 1000).toFixed(0)} ms`)
  for (const [place, microseconds] of [...self].sort((a, b) => b[1] - a[1]).slice(0, shown)) {
    console.log(
      `${((100 * microseconds) / busy).toFixed(1).padStart(6)} %  ${(microseconds / 1000).toFixed(0).padStart(7)} ms  ${place}`,
    )
  }
}

main()
  .catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
  .finally(() => process.exit())
