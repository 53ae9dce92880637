/** Values of the app's own that handlers find in their context, with a lifetime. */
import type { AppContext } from './context.ts'
import { ContrailError } from './errors.ts'
import { callback, oneOf, type Table } from './options.ts'

/** 'app': made once, before the first handler runs. 'message': made for each message, disposed after its handler. */
export type Lifetime = 'app' | 'message'

export interface ProvideOptions<T> {
  /** Default: 'app'. */
  lifetime?: Lifetime
  /** How to let go of it. Default: its `[Symbol.asyncDispose]` or `[Symbol.dispose]`, if it has one. */
  dispose?: (value: T) => unknown
}

export const PROVIDE_OPTIONS: Table<ProvideOptions<never>> = {
  lifetime: oneOf('app', 'message'),
  dispose: callback,
}

export type Factory<T, Deps extends object> = (context: AppContext<Deps>) => T | Promise<T>

interface Provider {
  readonly name: string
  readonly make: Factory<unknown, object>
  readonly dispose: (value: unknown) => unknown
}

const RESERVED = new Set([
  '__proto__',
  'nc',
  'js',
  'jsm',
  'kv',
  'obj',
  'log',
  'publish',
  'request',
  'message',
  'subject',
  'headers',
  'params',
  'signal',
])

export class Dependencies {
  readonly #ofApp: Provider[] = []
  readonly #ofMessage: Provider[] = []
  readonly #made: Array<{ provider: Provider; value: unknown }> = []
  /** Those with the lifetime of the app, by name. */
  readonly values: Record<string, unknown> = {}

  provide<T>(name: string, make: Factory<T, object>, options: ProvideOptions<T>): void {
    const taken = [...this.#ofApp, ...this.#ofMessage].some((provider) => provider.name === name)
    if (taken || RESERVED.has(name)) {
      throw new ContrailError('DUPLICATE_NAME', `The context already has a "${name}".`)
    }
    const provider: Provider = {
      name,
      make,
      dispose: (options.dispose as Provider['dispose'] | undefined) ?? disposeByItself,
    }
    if (options.lifetime === 'message') this.#ofMessage.push(provider)
    else this.#ofApp.push(provider)
  }

  get hasOfMessage(): boolean {
    return this.#ofMessage.length > 0
  }

  /** Makes those of the app, in the order they were provided: each finds the ones before it in its context. */
  async start(context: object): Promise<void> {
    for (const provider of this.#ofApp) {
      const value = await provider.make(Object.assign(Object.create(context), this.values))
      this.values[provider.name] = value
      this.#made.push({ provider, value })
    }
  }

  /** Disposes them, the last one first. Errors go to `failed`. */
  async stop(failed: (name: string, thrown: unknown) => void): Promise<void> {
    for (let made = this.#made.pop(); made !== undefined; made = this.#made.pop()) {
      await settle(made.provider, made.value, failed)
    }
  }

  /** Makes those of one message onto its context; returns what lets go of them. */
  async enter(
    context: object,
    failed: (name: string, thrown: unknown) => void,
  ): Promise<() => Promise<void>> {
    const made: Array<{ provider: Provider; value: unknown }> = []
    const leave = async () => {
      for (let one = made.pop(); one !== undefined; one = made.pop()) {
        await settle(one.provider, one.value, failed)
      }
    }
    try {
      for (const provider of this.#ofMessage) {
        const value = await provider.make(context as AppContext)
        made.push({ provider, value })
        Object.defineProperty(context, provider.name, { value, enumerable: true })
      }
    } catch (thrown) {
      await leave()
      throw thrown
    }
    return leave
  }
}

async function settle(
  provider: Provider,
  value: unknown,
  failed: (name: string, thrown: unknown) => void,
): Promise<void> {
  try {
    await provider.dispose(value)
  } catch (thrown) {
    failed(provider.name, thrown)
  }
}

function disposeByItself(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return undefined
  const disposable = value as Partial<AsyncDisposable & Disposable>
  // Node 20 has the symbols, older lib typings may not know them.
  if (typeof disposable[Symbol.asyncDispose] === 'function') return disposable[Symbol.asyncDispose]?.()
  if (typeof disposable[Symbol.dispose] === 'function') return disposable[Symbol.dispose]?.()
  return undefined
}
