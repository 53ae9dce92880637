/** Which program this is: what two programs must not share unknowingly is kept with it. */
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Who declares something that outlives the app, as it is written down beside it. */
export interface Declarer {
  /** The app's name; of one without a name with its package behind it. */
  readonly app: string
  /** Package and script: programs of one app are told apart by it. */
  readonly program: string
}

const MOST_FOLDERS = 32

/** @param name that the app was given; undefined: none, it has the default's */
export function declarerOf(name: string | undefined, defaultName: string): Declarer {
  const script = process.argv[1]
  const own = script === undefined ? undefined : packageOf(dirname(script))
  const app = name ?? (own === undefined ? defaultName : `${defaultName} (package ${own})`)
  // 'worker' is src/worker.ts in development and dist/worker.js elsewhere.
  const stem = script === undefined ? '' : basename(script).replace(/\.[cm]?[jt]sx?$/, '')
  return { app, program: `${own ?? ''}:${stem}` }
}

/** Name of the package that a folder belongs to. */
function packageOf(folder: string): string | undefined {
  for (let i = 0, at = folder; i < MOST_FOLDERS; i++) {
    try {
      const { name } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as { name?: unknown }
      if (typeof name === 'string') return name
    } catch {
      // None here, or none that can be read: one further up may be.
    }
    const above = dirname(at)
    if (above === at) return undefined
    at = above
  }
  return undefined
}
