class Node<O> {
  readonly children = new Map<string, Node<O>>()
  /** Whose pattern ends here. */
  readonly owners = new Set<O>()
}

/**
 * Which patterns of others does a pattern meet? Patterns that change, each with an owner, in a tree of tokens: what is looked
 * at are the patterns that begin alike, not all of them.
 */
export class PatternIndex<O> {
  private readonly root = new Node<O>()

  /** Patterns are taken as valid (see `isValidSubject`). Twice by one owner counts once. */
  add(pattern: string, owner: O): void {
    let node = this.root
    for (const token of pattern.split('.')) {
      let next = node.children.get(token)
      if (next === undefined) {
        next = new Node<O>()
        node.children.set(token, next)
      }
      node = next
    }
    node.owners.add(owner)
  }

  remove(pattern: string, owner: O): void {
    const tokens = pattern.split('.')
    const path = [this.root]
    for (const token of tokens) {
      const next = (path.at(-1) as Node<O>).children.get(token)
      if (next === undefined) return
      path.push(next)
    }
    path[tokens.length].owners.delete(owner)
    for (let i = tokens.length; i > 0; i--) {
      if (path[i].owners.size > 0 || path[i].children.size > 0) return
      path[i - 1].children.delete(tokens[i - 1])
    }
  }

  /** Is there a subject that both this pattern and one of somebody else than `self` match (see `subjectsCollide`)? */
  meetsOther(pattern: string, self: O | null): boolean {
    return meets(this.root, pattern.split('.'), 0, self)
  }
}

function meets<O>(node: Node<O>, tokens: readonly string[], at: number, self: O | null): boolean {
  if (at === tokens.length) return hasOther(node, self)
  const { children } = node
  if (children.size === 0) return false
  const rest = children.get('>')
  if (rest !== undefined && hasOther(rest, self)) return true
  const token = tokens[at]
  if (token === '>') {
    for (const child of children.values()) if (hasOtherBelow(child, self)) return true
    return false
  }
  if (token === '*') {
    for (const child of children.values()) {
      if (child !== rest && meets(child, tokens, at + 1, self)) return true
    }
    return false
  }
  const same = children.get(token)
  if (same !== undefined && meets(same, tokens, at + 1, self)) return true
  const star = children.get('*')
  return star !== undefined && meets(star, tokens, at + 1, self)
}

function hasOther<O>({ owners }: Node<O>, self: O | null): boolean {
  return owners.size > (self !== null && owners.has(self) ? 1 : 0)
}

function hasOtherBelow<O>(node: Node<O>, self: O | null): boolean {
  if (hasOther(node, self)) return true
  for (const child of node.children.values()) if (hasOtherBelow(child, self)) return true
  return false
}
