/**
 * Who is interested in which subject: a trie of tokens, and in front of it a bounded cache of routes
 * keyed by the bytes of the subject, so that the usual message is routed without making a string.
 */
import { FNV_OFFSET, FNV_PRIME, hashBytes } from './hash.ts'

const DOT = 46

/** What the index needs to know of a subscription. */
export interface Interested {
  /** The pattern, as latin1 text of its UTF-8 bytes. */
  readonly subject: string
  /** Queue group, '' for none. */
  readonly queue: string
}

/** The members of one queue group that match a subject: one of them gets each message. */
export interface QueueRoute<S> {
  readonly name: string
  readonly members: S[]
}

/** Everybody who is to get a message. Valid as long as `generation` is that of the index. */
export class Route<S> {
  readonly generation: number
  readonly plain: S[] = []
  readonly queues: QueueRoute<S>[] = []

  constructor(generation: number) {
    this.generation = generation
  }

  get isEmpty(): boolean {
    return this.plain.length === 0 && this.queues.length === 0
  }

  add(subscription: S & Interested): void {
    if (subscription.queue === '') {
      this.plain.push(subscription)
      return
    }
    const group = this.queues.find((queue) => queue.name === subscription.queue)
    if (group === undefined) this.queues.push({ name: subscription.queue, members: [subscription] })
    else group.members.push(subscription)
  }
}

class Node<S> {
  children: Map<string, Node<S>> | null = null
  star: Node<S> | null = null
  rest: Node<S> | null = null
  readonly subscriptions = new Set<S>()

  get isBare(): boolean {
    return (
      this.subscriptions.size === 0 &&
      this.star === null &&
      this.rest === null &&
      (this.children === null || this.children.size === 0)
    )
  }
}

/** One remembered route. The key, latin1, is the whole subject or the prefix that decides. */
class Entry<S> {
  readonly hash: number
  readonly key: string
  readonly route: Route<S>
  /** Lookups since it was last in somebody's way: a busy entry is not thrown out by a passing one. */
  hits = 0

  constructor(hash: number, key: string, route: Route<S>) {
    this.hash = hash
    this.key = key
    this.route = route
  }
}

/** A text is one object beside its entry; a Buffer would be three, far apart. */
function isText(text: string, buffer: Buffer, start: number, end: number): boolean {
  const { length } = text
  if (length !== end - start) return false
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== buffer[start + i]) return false
  return true
}

/** Slots in which an entry may be: as many neighbours. */
const WAYS = 4

/** A hash table that forgets: one entry a slot, the number of slots fixed. */
class RouteTable<S> {
  private readonly entries: (Entry<S> | null)[]
  private readonly mask: number

  constructor(slots: number) {
    this.entries = new Array(slots).fill(null)
    this.mask = slots - 1
  }

  find(hash: number, buffer: Buffer, start: number, end: number, generation: number): Route<S> | null {
    const slot = (hash ^ (hash >>> 15)) & this.mask
    for (let way = 0; way < WAYS; way++) {
      const entry = this.entries[slot ^ way]
      if (entry === null) return null
      if (entry.hash !== hash || entry.route.generation !== generation) continue
      if (!isText(entry.key, buffer, start, end)) continue
      if (entry.hits < 8) entry.hits++
      return entry.route
    }
    return null
  }

  put(hash: number, buffer: Buffer, start: number, end: number, route: Route<S>): void {
    let slot = (hash ^ (hash >>> 15)) & this.mask
    const home = slot
    let fewest = Number.POSITIVE_INFINITY
    for (let way = 0; way < WAYS && fewest >= 0; way++) {
      const present = this.entries[home ^ way]
      const hits = present === null || present.route.generation !== route.generation ? -1 : present.hits
      if (hits >= fewest) continue
      fewest = hits
      slot = home ^ way
    }
    const present = this.entries[slot]
    if (present !== null && fewest > 0) {
      present.hits--
      return
    }
    this.entries[slot] = new Entry(hash, buffer.toString('latin1', start, end), route)
  }

  clear(): void {
    this.entries.fill(null)
  }
}

/** Slots of the table of whole subjects; those of deciding prefixes have half of it. */
const SUBJECT_SLOTS = 8192
/** Members of all routes that may have been remembered before the tables are emptied: a bound for their memory. */
const MOST_MEMBERS = 2 ** 20

/**
 * The index. Routes are found in three steps, cheapest first:
 * - a prefix below which everything has the same route (only `>` subscriptions below it, or none), such as
 *   `$JS.ACK` or a stream's `orders`;
 * - the subject up to its last dot, when any single last token has the same route (`_INBOX.x.*`);
 * - the whole subject; and if none is remembered, a walk of the trie, whose outcome is.
 */
export class InterestIndex<S extends Interested> {
  /** Grows with every change; a route of an older generation is not valid any more. */
  generation = 0
  size = 0
  /** How many were ever added. */
  inserts = 0
  cacheMisses = 0
  /** The route of a subject that has an empty token: nobody gets it. */
  private readonly nobody = new Route<S>(0)
  private root = new Node<S>()
  private readonly subjects: RouteTable<S>
  private readonly below: RouteTable<S>
  private readonly lastToken: RouteTable<S>
  /** Bit d is set when some prefix of d tokens is in `below`. */
  private belowDepths = 0
  private members = 0

  /** `slots`: subjects whose routes are remembered, a power of two. */
  constructor(slots = SUBJECT_SLOTS) {
    this.subjects = new RouteTable<S>(slots)
    this.below = new RouteTable<S>(slots / 2)
    this.lastToken = new RouteTable<S>(slots / 2)
  }

  insert(subscription: S): void {
    let node = this.root
    const tokens = subscription.subject.split('.')
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]
      if (token === '*') node = node.star ??= new Node<S>()
      else if (token === '>' && i === tokens.length - 1) node = node.rest ??= new Node<S>()
      else {
        node.children ??= new Map()
        let child = node.children.get(token)
        if (child === undefined) {
          child = new Node<S>()
          node.children.set(token, child)
        }
        node = child
      }
    }
    if (node.subscriptions.has(subscription)) return
    node.subscriptions.add(subscription)
    this.size++
    this.inserts++
    this.changed()
  }

  /** All of them, those of a subject together. */
  *all(): IterableIterator<S> {
    const nodes = [this.root]
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      yield* node.subscriptions
      if (node.children !== null) for (const child of node.children.values()) nodes.push(child)
      if (node.star !== null) nodes.push(node.star)
      if (node.rest !== null) nodes.push(node.rest)
    }
  }

  /** Does somebody subscribe to this very subject, not by a wildcard that covers it? */
  hasExact(subject: string): boolean {
    let node: Node<S> | undefined = this.root
    for (const token of subject.split('.')) node = node?.children?.get(token)
    return node !== undefined && node.subscriptions.size > 0
  }

  /**
   * Does somebody subscribe to this very subject as a member of the group ('': as a member of none)? Wildcards that cover the
   * subject don't count.
   */
  hasExactMember(subject: string, queue: string): boolean {
    let node: Node<S> | undefined = this.root
    for (const token of subject.split('.')) node = node?.children?.get(token)
    if (node === undefined) return false
    for (const subscription of node.subscriptions) if (subscription.queue === queue) return true
    return false
  }

  remove(subscription: S): boolean {
    const tokens = subscription.subject.split('.')
    const path: Node<S>[] = [this.root]
    for (let i = 0; i < tokens.length; i++) {
      const node = path[i]
      const token = tokens[i]
      const next =
        token === '*'
          ? node.star
          : token === '>' && i === tokens.length - 1
            ? node.rest
            : (node.children?.get(token) ?? null)
      if (next === null) return false
      path.push(next)
    }
    if (!path[tokens.length].subscriptions.delete(subscription)) return false
    this.size--
    this.changed()
    for (let i = tokens.length; i > 0 && path[i].isBare; i--) {
      const parent = path[i - 1]
      if (parent.star === path[i]) parent.star = null
      else if (parent.rest === path[i]) parent.rest = null
      else parent.children?.delete(tokens[i - 1])
    }
    return true
  }

  /** The route of a subject in bytes. Allocates only when nothing is remembered. */
  route(buffer: Buffer, start: number, end: number): Route<S> {
    const generation = this.generation
    const depths = this.belowDepths
    let hash = FNV_OFFSET
    let depth = 0
    let lastDot = start - 1
    let lastHash = 0
    for (let i = start; i < end; i++) {
      const c = buffer[i]
      if (c === DOT) {
        if (i === lastDot + 1) return this.nobody
        depth++
        if (depth < 32 && (depths & (1 << depth)) !== 0) {
          const found = this.below.find(hash, buffer, start, i, generation)
          if (found !== null) return hasEmptyToken(buffer, i, end) ? this.nobody : found
        }
        lastDot = i
        lastHash = hash
      }
      hash = Math.imul(hash ^ c, FNV_PRIME)
    }
    if (end === lastDot + 1) return this.nobody
    if (lastDot > start) {
      const found = this.lastToken.find(lastHash, buffer, start, lastDot, generation)
      if (found !== null) return found
    }
    const found = this.subjects.find(hash, buffer, start, end, generation)
    if (found !== null) return found
    this.cacheMisses++
    return this.resolve(buffer, start, end, hash)
  }

  /** Everyone whose subscription pattern matches the literal subject, without the cache (tests, tools). */
  match(subject: string): S[] {
    const bytes = Buffer.from(subject, 'utf8')
    const route = this.walk(bytes, 0, bytes.length, 0, false)
    return [...route.plain, ...route.queues.flatMap((queue) => queue.members)]
  }

  private changed(): void {
    this.generation++
    this.belowDepths = 0
  }

  private resolve(buffer: Buffer, start: number, end: number, hash: number): Route<S> {
    const route = this.walk(buffer, start, end, hash, true)
    this.members += route.plain.length + 1
    for (const { members } of route.queues) this.members += members.length
    if (this.members > MOST_MEMBERS) this.forgetRoutes()
    return route
  }

  /** Routes that were given stay valid. */
  private forgetRoutes(): void {
    this.members = 0
    this.belowDepths = 0
    this.subjects.clear()
    this.below.clear()
    this.lastToken.clear()
  }

  private walk(buffer: Buffer, start: number, end: number, hash: number, remember: boolean): Route<S> {
    const tokens = buffer.toString('latin1', start, end).split('.')
    if (tokens.includes('')) return this.nobody
    const route = new Route<S>(this.generation)
    let frontier: Node<S>[] = [this.root]
    let prefixEnd = start - 1
    for (let depth = 0; depth < tokens.length; depth++) {
      const token = tokens[depth]
      let literalsBelow = false
      let starsBelow = false
      for (const node of frontier) {
        if (node.children !== null && node.children.size > 0) literalsBelow = true
        if (node.star !== null) starsBelow = true
        if (node.rest !== null) for (const subscription of node.rest.subscriptions) route.add(subscription)
      }
      if (!literalsBelow && !starsBelow && depth > 0) {
        if (remember && depth < 32) this.rememberBelow(buffer, start, prefixEnd, depth, route)
        return route
      }
      const isLast = depth === tokens.length - 1
      const next: Node<S>[] = []
      for (const node of frontier) {
        const child = node.children?.get(token)
        if (child !== undefined) next.push(child)
        if (node.star !== null) next.push(node.star)
      }
      frontier = next
      if (isLast) {
        for (const node of frontier) for (const subscription of node.subscriptions) route.add(subscription)
        if (!remember) return route
        if (!literalsBelow && depth > 0) {
          this.lastToken.put(hashBytes(buffer, start, prefixEnd), buffer, start, prefixEnd, route)
        } else {
          this.subjects.put(hash, buffer, start, end, route)
        }
        return route
      }
      prefixEnd += token.length + 1
    }
    return route
  }

  private rememberBelow(buffer: Buffer, start: number, end: number, depth: number, route: Route<S>): void {
    this.below.put(hashBytes(buffer, start, end), buffer, start, end, route)
    this.belowDepths |= 1 << depth
  }
}

/** Is there an empty token behind the dot at `dot`? */
function hasEmptyToken(buffer: Buffer, dot: number, end: number): boolean {
  let last = dot
  for (let i = dot + 1; i < end; i++) {
    if (buffer[i] !== DOT) continue
    if (i === last + 1) return true
    last = i
  }
  return end === last + 1
}
