/** Patterns, so that those that contain another one, or lie within it, are found without a look at all of them. */

/** What may be looked at for all questions to one index. More is asked of nobody who means well. */
const MOST_STEPS = 500_000
const REST = '>'
const ANY = '*'

interface Node {
  readonly children: Map<string, Node>
  /** Patterns that end here. */
  readonly here: number[]
  /** Patterns whose last token, behind this one, is `>`. */
  readonly open: number[]
}

/** It would take too long. */
export class TooManySteps extends Error {}

/** Says of patterns what `isContainedIn` does, by the numbers under which they were added. */
export class ContainedPatterns {
  private readonly root = newNode()
  private steps = 0

  /** @throws TooManySteps */
  add(pattern: string, id: number): void {
    const tokens = pattern.split('.')
    const isOpen = tokens.at(-1) === REST
    if (isOpen) tokens.pop()
    let node = this.root
    for (const token of tokens) {
      this.count()
      let next = node.children.get(token)
      if (next === undefined) {
        next = newNode()
        node.children.set(token, next)
      }
      node = next
    }
    ;(isOpen ? node.open : node.here).push(id)
  }

  /**
   * Those that all of the pattern lies within, the lowest number first.
   * @throws TooManySteps
   */
  containing(pattern: string): number[] {
    const tokens = pattern.split('.')
    return this.search((node, at, go, found) => {
      if (at === tokens.length) return found(node.here)
      found(node.open)
      const token = tokens[at]
      go(node.children.get(token))
      if (token !== ANY) go(node.children.get(ANY))
    })
  }

  /**
   * Those that lie within the pattern, the lowest number first.
   * @throws TooManySteps
   */
  within(pattern: string): number[] {
    const tokens = pattern.split('.')
    const last = tokens.length - 1
    return this.search((node, at, go, found) => {
      const isRest = at > last ? tokens[last] === REST : at === last && tokens[at] === REST
      if (isRest) {
        if (at > last) found(node.here)
        found(node.open)
        for (const child of node.children.values()) go(child)
      } else if (at > last) found(node.here)
      else if (tokens[at] === ANY) {
        if (at === last) found(node.open)
        for (const child of node.children.values()) go(child)
      } else go(node.children.get(tokens[at]))
    })
  }

  private search(
    look: (
      node: Node,
      at: number,
      go: (child: Node | undefined) => void,
      found: (ids: readonly number[]) => void,
    ) => void,
  ): number[] {
    const all: number[] = []
    const open: [Node, number][] = [[this.root, 0]]
    const found = (ids: readonly number[]): void => {
      for (const id of ids) {
        this.count()
        all.push(id)
      }
    }
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      this.count()
      const [node, at] = next
      look(
        node,
        at,
        (child) => {
          if (child !== undefined) open.push([child, at + 1])
        },
        found,
      )
    }
    return all.sort((a, b) => a - b)
  }

  private count(): void {
    if (++this.steps > MOST_STEPS) throw new TooManySteps('too many subjects to be compared')
  }
}

function newNode(): Node {
  return { children: new Map(), here: [], open: [] }
}
