/** What is declared together: a prefix, middleware, declarations, and the scopes within it. Routers and brokers have one each. */
import { ContrailError } from './errors.ts'
import type { Middleware, PublishMiddleware } from './middleware.ts'
import type { BrokerPublisher } from './publisher/broker-publisher.ts'
import type { Publisher } from './publisher/publisher.ts'
import type { Claim, Declaration, Runtime } from './runtime.ts'
import type { StreamOwner } from './stores/stream.ts'
import { SubjectPattern } from './subject-pattern.ts'

export class Scope implements StreamOwner {
  readonly prefix: string
  readonly #declarations: Declaration[] = []
  readonly #children: Scope[] = []
  readonly #middleware: Middleware<never>[] = []
  readonly #publishMiddleware: PublishMiddleware[] = []
  readonly #publishers: Publisher<string, never>[] = []
  #parent: Scope | null = null
  /** Of the outermost scope: what is declared now comes up at once, one after the other. */
  #isUp = false
  #comingUp: Promise<void> = Promise.resolve()
  readonly #started = new WeakSet<Declaration>()
  #couldNotStart: { thrown: unknown } | null = null
  /** The runtime with this scope's publisher, of the runtime it was made from. */
  #own: { of: Runtime; runtime: Runtime } | null = null

  /** @throws ContrailError INVALID_SUBJECT */
  constructor(prefix = '') {
    this.prefix = prefix
    if (prefix !== '' && new SubjectPattern(prefix).subject.endsWith('>')) {
      throw new ContrailError('INVALID_SUBJECT', `prefix: "${prefix}" ends in a wildcard for the rest.`)
    }
  }

  /** Everything of another scope becomes a part of this one. */
  include(other: Scope): void {
    if (other.#parent !== null || other === this) {
      throw new ContrailError('INVALID_OPTION', 'The router is included already.')
    }
    const prefix = this.prefixes()
    other.#parent = this
    this.#children.push(other)
    const declarations = other.declarations()
    if (prefix !== '') for (const one of declarations) one.underPrefix?.(prefix)
    if (this.#root().#isUp) {
      const stores = declarations.filter((one) => one.stage === 'store')
      for (const one of [...stores, ...declarations.filter((one) => one.stage !== 'store')]) {
        this.#bringUp(one)
      }
    }
  }

  addMiddleware(middleware: Middleware<never>): void {
    this.#middleware.push(middleware)
  }

  addPublishMiddleware(middleware: PublishMiddleware): void {
    this.#publishMiddleware.push(middleware)
  }

  declare<D extends Declaration>(declaration: D): D {
    this.#declarations.push(declaration)
    if (this.#root().#isUp) this.#bringUp(declaration)
    return declaration
  }

  forget(declaration: Declaration): void {
    const at = this.#declarations.indexOf(declaration)
    if (at >= 0) this.#declarations.splice(at, 1)
  }

  addPublisher<P extends Publisher<never, never>>(publisher: P): P {
    this.#publishers.push(publisher as unknown as Publisher<string, never>)
    return publisher
  }

  prefixed(subject: string): string {
    const prefix = this.prefixes()
    return prefix === '' ? subject : `${prefix}.${subject}`
  }

  /** Its own prefix behind those of the scopes around it. */
  prefixes(): string {
    const outer = this.#parent?.prefixes() ?? ''
    return outer === '' || this.prefix === '' ? outer + this.prefix : `${outer}.${this.prefix}`
  }

  middleware(): readonly Middleware<never>[] {
    const outer = this.#parent?.middleware() ?? []
    return [...outer, ...this.#middleware]
  }

  publishMiddleware(): readonly PublishMiddleware[] {
    return this.#publishMiddleware
  }

  declarations(): Declaration[] {
    return [...this.#declarations, ...this.#children.flatMap((child) => child.declarations())]
  }

  publishers(): Publisher<string, never>[] {
    return [...this.#publishers, ...this.#children.flatMap((child) => child.publishers())]
  }

  runtime(): Runtime | null {
    const of = this.#parent?.runtime() ?? null
    if (of === null || this.#publishMiddleware.length === 0) return of
    if (this.#own?.of !== of) this.#own = { of, runtime: withPublisher(of, this.#publishMiddleware) }
    return this.#own.runtime
  }

  /** What says why there is no runtime: `of` is who would need it. */
  notRunning(of: string): ContrailError {
    return (
      this.#parent?.notRunning(of) ??
      new ContrailError('NOT_STARTED', `${of} is not connected: its router is not included in an app.`)
    )
  }

  /**
   * @param of only this one is looked at, beside those before it
   * @throws ContrailError DUPLICATE_NAME when two declarations take the same name
   */
  checkClaims(of?: Declaration): void {
    const claims = new Map<string, Claim>()
    for (const declaration of this.declarations()) {
      const claim = declaration.claim?.() ?? null
      if (claim === null) continue
      const { what, definition } = claim
      const other = claims.get(what)
      const isAsked = of === undefined || of === declaration
      if (isAsked && other !== undefined && (definition === null || definition !== other.definition)) {
        const otherwise = definition === null ? 'twice' : 'twice, and not alike'
        throw new ContrailError('DUPLICATE_NAME', `The app declares ${what} ${otherwise}.`)
      }
      claims.set(what, claim)
    }
  }

  /** Starts what is declared, stores first; what is declared meanwhile comes up behind it. */
  async start(): Promise<void> {
    const all = this.#startAll('store').then(() => this.#startAll('subscription'))
    this.#isUp = true
    this.#comingUp = all.catch(() => {})
    await all
  }

  /**
   * Resolves when all that was declared while the app runs has started.
   * @throws what kept the first of it from starting, once
   */
  async ready(): Promise<void> {
    const root = this.#root()
    await root.#comingUp
    const failure = root.#couldNotStart
    root.#couldNotStart = null
    if (failure !== null) throw failure.thrown
  }

  /** What is declared from now on does not come up. Resolves when nothing is on its way. */
  endComingUp(): Promise<void> {
    this.#isUp = false
    return this.#comingUp
  }

  /** Stops what is declared: subscriptions end first, stores after them, the last declared first. */
  async stop(deadline: AbortSignal): Promise<void> {
    const all = this.declarations().reverse()
    const ofStage = (stage: Declaration['stage']) => all.filter((one) => one.stage === stage)
    await Promise.all(ofStage('subscription').map((one) => one.stop(deadline)))
    await Promise.all(ofStage('store').map((one) => one.stop(deadline)))
  }

  async #startAll(stage: Declaration['stage']): Promise<void> {
    const runtime = this.runtime() as Runtime
    for (const one of [...this.#declarations]) {
      if (one.stage === stage) await this.#root().#startOnce(one, runtime)
    }
    for (const child of [...this.#children]) await child.#startAll(stage)
  }

  async #startOnce(declaration: Declaration, runtime: Runtime): Promise<void> {
    if (this.#started.has(declaration)) return
    this.#started.add(declaration)
    await declaration.start(runtime)
  }

  #root(): Scope {
    return this.#parent === null ? this : this.#parent.#root()
  }

  /** The scope in which something is declared. */
  #scopeOf(declaration: Declaration): Scope | undefined {
    if (this.#declarations.includes(declaration)) return this
    for (const child of this.#children) {
      const found = child.#scopeOf(declaration)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** A declaration while the app runs: it starts when those before it have. */
  #bringUp(declaration: Declaration): void {
    const root = this.#root()
    root.#comingUp = root.#comingUp.then(async () => {
      // It may have been unsubscribed, or the app have stopped, before its turn came.
      const runtime = root.#scopeOf(declaration)?.runtime() ?? null
      if (runtime === null || !root.#isUp) return
      try {
        root.checkClaims(declaration)
        await root.#startOnce(declaration, runtime)
      } catch (thrown) {
        root.#couldNotStart ??= { thrown }
        runtime.log.error({ err: thrown }, 'what was declared while the app runs could not start')
      }
    })
  }
}

/** A runtime whose publications go through more middleware. */
function withPublisher(of: Runtime, middleware: readonly PublishMiddleware[]): Runtime {
  const publisher: BrokerPublisher = of.publisher.within(middleware)
  const context = Object.create(
    Object.getPrototypeOf(of.context),
    Object.getOwnPropertyDescriptors(of.context),
  )
  Object.assign(context, {
    publish: publisher.publish.bind(publisher),
    request: publisher.request.bind(publisher),
    requestMany: publisher.requestMany.bind(publisher) as never,
  })
  return { ...of, publisher, context }
}
