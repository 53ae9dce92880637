/**
 * Live subjects by what they begin with: a tree of all tokens but the last, so that those that match a pattern are found
 * without looking at the others. A group is known by the tokens that its subjects share; the root's are none.
 */
import { hasWildcard } from '../../subjects/index.ts'
import { ChangingSubjectSet, enlarge, NONE } from './subject-set.ts'

const DOT = 46
const NOTHING = Buffer.alloc(0)
const ROOT = 0

/** Where a subject is found by its bytes. */
interface Finder {
  find(buffer: Buffer, start: number, end: number): number
}

export class SubjectGroups extends ChangingSubjectSet {
  private parents = new Int32Array(0)
  private firstChildren = new Int32Array(0)
  private nextSiblings = new Int32Array(0)
  private previousSiblings = new Int32Array(0)
  private firstSlots = new Int32Array(0)
  /** The next subject of the same group; and the one before, or for the first of a group the group's number, inverted. */
  private nextSlots = new Int32Array(0)
  private previousSlots = new Int32Array(0)

  constructor() {
    super()
    this.groupOf(NOTHING, 0, 0)
  }

  override get memoryBytes(): number {
    return super.memoryBytes + this.parents.length * 20 + this.nextSlots.length * 8
  }

  /** The subject of a slot is there from now on. */
  insert(slot: number, buffer: Buffer, start: number, end: number): void {
    if (slot >= this.nextSlots.length) {
      const capacity = Math.max(16, slot * 2)
      this.nextSlots = enlarge(this.nextSlots, capacity)
      this.previousSlots = enlarge(this.previousSlots, capacity)
    }
    const group = this.groupOf(buffer, start, lastDot(buffer, start, end))
    const next = this.firstSlots[group]
    this.nextSlots[slot] = next
    this.previousSlots[slot] = ~group
    this.firstSlots[group] = slot
    if (next !== NONE) this.previousSlots[next] = slot
  }

  remove(slot: number): void {
    const next = this.nextSlots[slot]
    const previous = this.previousSlots[slot]
    if (next !== NONE) this.previousSlots[next] = previous
    if (previous >= 0) {
      this.nextSlots[previous] = next
      return
    }
    this.firstSlots[~previous] = next
    this.dropIfEmpty(~previous)
  }

  /** Visits the slots of the subjects that match a pattern. */
  eachMatch(subjects: Finder, pattern: string, visit: (slot: number) => void): void {
    if (!hasWildcard(pattern)) {
      const key = Buffer.from(pattern)
      const slot = subjects.find(key, 0, key.length)
      if (slot !== NONE) visit(slot)
      return
    }
    const tokens = pattern
      .split('.')
      .map((token) => (token === '*' || token === '>' ? token : Buffer.from(token)))
    const last = tokens.length - 1
    let groups = [ROOT]
    for (const token of tokens.slice(0, last)) {
      const below: number[] = []
      for (const group of groups) {
        if (typeof token === 'string') {
          for (let child = this.firstChildren[group]; child !== NONE; child = this.nextSiblings[child])
            below.push(child)
        } else {
          const key = this.below(group, token)
          const child = this.find(key, 0, key.length)
          if (child !== NONE) below.push(child)
        }
      }
      groups = below
    }
    const token = tokens[last]
    for (const group of groups) {
      if (token === '>') this.eachOf(group, visit)
      else if (typeof token === 'string') this.eachIn(group, visit)
      else {
        const key = this.below(group, token)
        const slot = subjects.find(key, 0, key.length)
        if (slot !== NONE) visit(slot)
      }
    }
  }

  protected override grow(capacity: number): void {
    super.grow(capacity)
    this.parents = enlarge(this.parents, capacity)
    this.firstChildren = enlarge(this.firstChildren, capacity)
    this.nextSiblings = enlarge(this.nextSiblings, capacity)
    this.previousSiblings = enlarge(this.previousSiblings, capacity)
    this.firstSlots = enlarge(this.firstSlots, capacity)
  }

  /** The group of a group and all below it. */
  private eachOf(top: number, visit: (slot: number) => void): void {
    const waiting = [top]
    for (let group = waiting.pop(); group !== undefined; group = waiting.pop()) {
      this.eachIn(group, visit)
      for (let child = this.firstChildren[group]; child !== NONE; child = this.nextSiblings[child])
        waiting.push(child)
    }
  }

  private eachIn(group: number, visit: (slot: number) => void): void {
    for (let slot = this.firstSlots[group]; slot !== NONE; slot = this.nextSlots[slot]) visit(slot)
  }

  /** Bytes of the subject or group with one more token. */
  private below(group: number, token: Buffer): Buffer {
    if (group === ROOT) return token
    const length = this.lengths[group]
    const key = Buffer.allocUnsafe(length + 1 + token.length)
    this.bytes.copy(key, 0, this.starts[group], this.endOf(group))
    key[length] = DOT
    token.copy(key, length + 1)
    return key
  }

  /** The group of these tokens, and those above it, made where they are not there. */
  private groupOf(buffer: Buffer, start: number, end: number): number {
    const known = this.size === 0 ? NONE : this.find(buffer, start, end)
    if (known !== NONE) return known
    const parent = end === start ? NONE : this.groupOf(buffer, start, lastDot(buffer, start, end))
    const group = this.findOrAdd(buffer, start, end)
    this.parents[group] = parent
    this.firstChildren[group] = NONE
    this.firstSlots[group] = NONE
    this.previousSiblings[group] = NONE
    this.nextSiblings[group] = NONE
    if (parent === NONE) return group
    const next = this.firstChildren[parent]
    this.nextSiblings[group] = next
    if (next !== NONE) this.previousSiblings[next] = group
    this.firstChildren[parent] = group
    return group
  }

  private dropIfEmpty(from: number): void {
    for (let group = from; group !== ROOT; ) {
      if (this.firstSlots[group] !== NONE || this.firstChildren[group] !== NONE) return
      const parent = this.parents[group]
      const next = this.nextSiblings[group]
      const previous = this.previousSiblings[group]
      if (next !== NONE) this.previousSiblings[next] = previous
      if (previous !== NONE) this.nextSiblings[previous] = next
      else this.firstChildren[parent] = next
      this.drop(group)
      group = parent
    }
  }
}

/** Where the last dot is; without one, the start. */
function lastDot(buffer: Buffer, start: number, end: number): number {
  let at = end - 1
  while (at > start && buffer[at] !== DOT) at--
  return Math.max(at, start)
}
