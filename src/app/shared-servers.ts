/**
 * Embedded servers that several apps of this process share, one after another too: a module that is loaded again while one develops
 * makes its app anew, and the server stays. They are kept beside the modules, since a bundler may load us more than once.
 */
import { ContrailError } from './errors.ts'

/** What is shared. */
export interface Shareable {
  stop(): Promise<void>
}

interface Entry<S> {
  readonly server: Promise<S>
  /** What it was started with, as text: who shares it wants the same. */
  readonly options: string
  users: number
  stopping: NodeJS.Timeout | undefined
}

/** So long it stays when nobody uses it any more: the next one may be on its way. */
const LINGER_MS = 1000
const REGISTRY = Symbol.for('contrail.shared-servers')

function registry<S>(): Map<string, Entry<S>> {
  const all = globalThis as { [REGISTRY]?: Map<string, Entry<S>> }
  all[REGISTRY] ??= new Map()
  return all[REGISTRY]
}

/**
 * @param key what it serves: a folder
 * @returns the server, whose `stop` gives it back
 * @throws ContrailError INVALID_OPTION where it runs with other options
 */
export async function share<S extends Shareable>(
  key: string,
  options: string,
  start: () => Promise<S>,
): Promise<S> {
  const servers = registry<S>()
  const running = servers.get(key)
  if (running !== undefined && running.options !== options) {
    throw new ContrailError(
      'INVALID_OPTION',
      `share: another app of this process has the embedded server of "${key}" with other options.`,
    )
  }
  const entry = running ?? { server: start(), options, users: 0, stopping: undefined }
  servers.set(key, entry)
  entry.users++
  clearTimeout(entry.stopping)
  let server: S
  try {
    server = await entry.server
  } catch (thrown) {
    if (servers.get(key) === entry) servers.delete(key)
    throw thrown
  }
  let isGivenBack = false
  return Object.assign(Object.create(server), {
    stop: async () => {
      if (isGivenBack) return
      isGivenBack = true
      if (--entry.users > 0) return
      entry.stopping = setTimeout(() => {
        servers.delete(key)
        void server.stop()
      }, LINGER_MS)
    },
  })
}
