import { hasWildcard } from './validity.ts'

interface Node {
  readonly children: Map<string, Node>
  /** Patterns that end here. */
  ends: number
}

/**
 * Which pattern is a subset of another one of a list (or stands in it twice)? Answered by a tree of tokens, so that a list of
 * a hundred thousand takes no longer than to read it.
 */
export class PatternSet {
  private readonly root: Node = { children: new Map(), ends: 0 }
  /** Without any wildcard only the same one twice is covered. */
  private readonly twice: ReadonlySet<string> | null

  constructor(patterns: readonly string[]) {
    const isPlain = !patterns.some(hasWildcard)
    this.twice = isPlain ? repeated(patterns) : null
    if (isPlain) return
    for (const pattern of patterns) {
      let node = this.root
      for (const token of pattern.split('.')) {
        let next = node.children.get(token)
        if (next === undefined) {
          next = { children: new Map(), ends: 0 }
          node.children.set(token, next)
        }
        node = next
      }
      node.ends++
    }
  }

  /** Is this pattern, one of the list, a subset of another one (see `isSubset`)? */
  isCovered(pattern: string): boolean {
    if (this.twice !== null) return this.twice.has(pattern)
    const tokens = pattern.split('.')
    // Nodes that are reached by patterns which cover the tokens so far; the pattern's own path first.
    let own: Node | undefined = this.root
    let nodes: Node[] = []
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]
      const next: Node[] = []
      const reached: Node[] = own === undefined ? nodes : [own, ...nodes]
      for (const node of reached) {
        const rest = node.children.get('>')
        const isOwnEnd = node === own && token === '>'
        if (rest !== undefined && rest.ends > (isOwnEnd ? 1 : 0)) return true
        if (token === '>') continue
        const star = node.children.get('*')
        if (star !== undefined && !(node === own && token === '*')) next.push(star)
        const same = token === '*' ? undefined : node.children.get(token)
        if (same !== undefined && node !== own) next.push(same)
      }
      own = own?.children.get(token)
      nodes = next
    }
    if (own !== undefined && own.ends > 1) return true
    return nodes.some((node) => node.ends > 0)
  }
}

function repeated(texts: readonly string[]): ReadonlySet<string> {
  const once = new Set<string>()
  const twice = new Set<string>()
  for (const text of texts) {
    if (once.has(text)) twice.add(text)
    once.add(text)
  }
  return twice
}
