/** Modules that are loaded again while one develops (Next.js, Vite, HMR): the app of the last one runs, and no other. */

/** `next build` loads every module too, in several processes at a time: nothing is to run there, and nothing to be opened. */
function isBuilding(): boolean {
  return process.env.NEXT_PHASE === 'phase-production-build'
}

/** An app, as far as it matters here. */
export interface Replaceable {
  start(): Promise<void>
  stop(): Promise<void>
}

interface Place {
  /** The app that runs; null: none. */
  app: Replaceable | null
  /** What is under way; the next waits for it. */
  last: Promise<unknown>
}

const REGISTRY = Symbol.for('contrail.hot')

function registry(): Map<string, Place> {
  const all = globalThis as { [REGISTRY]?: Map<string, Place> }
  all[REGISTRY] ??= new Map()
  return all[REGISTRY]
}

/**
 * Makes an app and starts it, in place of the one that an earlier load of the module has made under this name: that one is stopped first.
 * Where making it throws the earlier one goes on. With `new App({ share: true })` the embedded server stays meanwhile.
 * In production, where modules are loaded once, it only makes and starts; while Next.js builds it only makes.
 * @throws what making or starting throws
 */
export async function hot<A extends Replaceable>(name: string, make: () => A | Promise<A>): Promise<A> {
  if (isBuilding()) return make()
  const places = registry()
  const place = places.get(name) ?? { app: null, last: Promise.resolve() }
  places.set(name, place)
  const next = place.last.then(async () => {
    const app = await make()
    const before = place.app
    place.app = null
    await before?.stop()
    await app.start()
    place.app = app
    return app
  })
  place.last = next.catch(() => {})
  return next
}
