/** Functions at the four turns of an app's life, in the order they were added (at the end: the last added first). */
import type { AppContext, HandlerContext } from './context.ts'

export type Hook<Deps extends object> = (context: AppContext<Deps>) => unknown

/** Is told of what handlers throw, for example to report it; what becomes of the message is decided already. */
export type ErrorHook<Deps extends object> = (
  thrown: unknown,
  context: HandlerContext<Readonly<Record<string, string>>, Deps>,
) => unknown

export type HookName = 'onStart' | 'afterStart' | 'onShutdown' | 'afterShutdown'

export class Hooks {
  readonly #hooks: Record<HookName, Array<(context: never) => unknown>> = {
    onStart: [],
    afterStart: [],
    onShutdown: [],
    afterShutdown: [],
  }

  add(name: HookName, hook: (context: never) => unknown): void {
    this.#hooks[name].push(hook)
  }

  async run(name: HookName, context: object | undefined): Promise<void> {
    const isEnd = name === 'onShutdown' || name === 'afterShutdown'
    const hooks = isEnd ? [...this.#hooks[name]].reverse() : this.#hooks[name]
    for (const hook of hooks) await hook(context as never)
  }
}
