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

  constructor(patterns: readonly string[]) {
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
