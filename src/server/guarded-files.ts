/**
 * The store's files, guarded: what callbacks throw goes to the guard, and after a fault (or the end) nothing more is
 * written or reported, as if the process had been killed. What is open then, and the lock, is given back by `abandon`.
 */
import type { FileHandle, FileSystem } from '../ports/index.ts'
import type { Guard } from './guard.ts'

type Method = (...args: unknown[]) => unknown

/** How long a descriptor may take to be given back (a write under way), milliseconds. */
const ABANDON_MS = 5000

export class GuardedFiles {
  /** What the store is given. */
  readonly fileSystem: FileSystem
  private readonly guard: Guard
  private readonly open = new Set<FileHandle>()
  private readonly locks = new Set<() => Promise<void>>()

  constructor(files: FileSystem, guard: Guard) {
    this.guard = guard
    this.fileSystem = {
      ...(guarded(files, guard) as unknown as FileSystem),
      open: (path, create) => this.alive(files.open(path, create), (handle) => this.handle(handle)),
      lock: (path) => this.alive(files.lock(path), (unlock) => this.lock(unlock)),
    }
  }

  /** Gives back what is still open and locked, without writing. Nothing is read or written afterwards. */
  async abandon(): Promise<void> {
    this.guard.isOver = true
    const closed = [...this.open].map(
      (handle) => new Promise<void>((resolve) => handle.close(() => resolve())),
    )
    this.open.clear()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ABANDON_MS)
    })
    await Promise.race([Promise.allSettled(closed), late])
    clearTimeout(timer)
    const locks = [...this.locks]
    this.locks.clear()
    await Promise.allSettled(locks.map((unlock) => unlock()))
  }

  private handle(handle: FileHandle): FileHandle {
    if (this.guard.isOver) handle.close(() => {})
    else this.open.add(handle)
    const wrapped = guarded(handle, this.guard)
    const { close } = wrapped
    wrapped.close = (done) => {
      if (!this.guard.isOver) this.open.delete(handle)
      close(done)
    }
    return wrapped as unknown as FileHandle
  }

  private lock(unlock: () => Promise<void>): () => Promise<void> {
    if (this.guard.isOver) void unlock().catch(() => {})
    else this.locks.add(unlock)
    return async () => {
      this.locks.delete(unlock)
      await unlock()
    }
  }

  /** What arrives too late is given back, and nobody hears of it. */
  private async alive<T>(given: Promise<T>, use: (value: T) => T): Promise<T> {
    const value = use(await given)
    return !this.guard.isOver ? value : await never<T>()
  }
}

/**
 * Every method of `inner`: callbacks (the last argument) are guarded; after the fault nothing is called any more: promises
 * stay open, and what is synchronous throws the fault.
 */
function guarded(inner: object, guard: Guard): Record<string, Method> {
  const wrapped: Record<string, Method> = {}
  for (const name of methodsOf(inner)) {
    const method = (inner as Record<string, Method>)[name]
    const isSync = name.endsWith('Sync')
    wrapped[name] = (...args) => {
      if (guard.isOver) {
        if (isSync) throw guard.fault ?? new Error('the server has stopped')
        return never()
      }
      const last = args.length - 1
      const done = args[last]
      if (typeof done === 'function') {
        args[last] = (...results: unknown[]) => guard.run(() => done(...results))
        return method.apply(inner, args)
      }
      const result = method.apply(inner, args)
      return result instanceof Promise ? whileAlive(result, guard) : result
    }
  }
  return wrapped
}

function methodsOf(object: object): Set<string> {
  const names = new Set<string>()
  for (let at = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const isMethod = typeof (object as Record<string, unknown>)[name] === 'function'
      if (isMethod && name !== 'constructor') names.add(name)
    }
  }
  return names
}

function whileAlive<T>(result: Promise<T>, guard: Guard): Promise<T> {
  return result.then(
    (value) => (!guard.isOver ? value : never<T>()),
    (error) => (!guard.isOver ? Promise.reject(error) : never<T>()),
  )
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => {})
}
