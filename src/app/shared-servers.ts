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
  isStopping: boolean
  /** Stops it now; resolves when its folder is free. */
  end: () => Promise<void>
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
 * @throws ContrailError INVALID_OPTION where somebody has it with other options. One that nobody has any more makes room.
 */
export async function share<S extends Shareable>(
  key: string,
  options: string,
  start: () => Promise<S>,
): Promise<S> {
  const servers = registry<S>()
  await emptied(servers, key, options)
  const running = servers.get(key)
  if (running !== undefined && running.options !== options) {
    throw new ContrailError(
      'INVALID_OPTION',
      `share: another app of this process has the embedded server of "${key}" with other options.`,
    )
  }
  const entry = running ?? entryOf(servers, key, options, start())
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
      entry.stopping = setTimeout(() => void entry.end().catch(() => {}), LINGER_MS)
    },
  })
}

/** Waits until what nobody uses, and is in the way, has gone: a server that stops, or that was started with other options. */
async function emptied<S>(servers: Map<string, Entry<S>>, key: string, options: string): Promise<void> {
  for (let entry = servers.get(key); entry !== undefined; entry = servers.get(key)) {
    if (entry.users > 0 || (entry.options === options && !entry.isStopping)) return
    await entry.end().catch(() => {})
  }
}

function entryOf<S extends Shareable>(
  servers: Map<string, Entry<S>>,
  key: string,
  options: string,
  server: Promise<S>,
): Entry<S> {
  let ending: Promise<void> | undefined
  const entry: Entry<S> = {
    server,
    options,
    users: 0,
    stopping: undefined,
    isStopping: false,
    end: () => {
      clearTimeout(entry.stopping)
      entry.isStopping = true
      ending ??= server
        .then((one) => one.stop())
        .then(forget, (thrown) => {
          forget()
          throw thrown
        })
      return ending
    },
  }
  const forget = () => {
    if (servers.get(key) === entry) servers.delete(key)
  }
  servers.set(key, entry)
  return entry
}
