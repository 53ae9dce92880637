/** The segments of a log in order, and what is looked for in them: messages by sequence, by subject, by time. */
import type { SubjectFilter } from '../../subjects/filter.ts'
import type { Columns } from '../segments/columns.ts'
import type { Segment } from '../segments/segment.ts'
import { SubjectSet } from '../subjects/subject-set.ts'
import { SubjectTable } from '../subjects/subject-table.ts'

export class SegmentList {
  all: Segment[] = []
  table = new SubjectTable()
  private lastFound: Segment | null = null

  /** The segment that has the sequence, or null. */
  find(seq: number): Segment | null {
    const last = this.lastFound
    if (last !== null && seq >= last.firstSeq && seq < last.endSeq) return last
    const index = this.indexOf(seq)
    if (index < 0) return null
    const segment = this.all[index]
    if (seq >= segment.endSeq) return null
    this.lastFound = segment
    return segment
  }

  /** Takes a segment out; false when it is not there. */
  remove(segment: Segment): boolean {
    const index = this.all.indexOf(segment)
    if (index < 0) return false
    this.all.splice(index, 1)
    if (this.lastFound === segment) this.lastFound = null
    return true
  }

  /** Puts a segment behind another; false when that is not there. */
  insertBehind(old: Segment, fresh: Segment): boolean {
    const index = this.all.indexOf(old)
    if (index < 0) return false
    this.all.splice(index + 1, 0, fresh)
    this.lastFound = null
    return true
  }

  /** Puts a segment in the place of another; false when that is not there. */
  replace(old: Segment, fresh: Segment): boolean {
    const index = this.all.indexOf(old)
    if (index < 0) return false
    this.all[index] = fresh
    if (this.lastFound === old) this.lastFound = null
    return true
  }

  /** Nothing is left, in segments or of subjects. */
  clear(): void {
    this.all = []
    this.lastFound = null
    this.table = new SubjectTable()
  }

  /** Smallest live sequence of `[start, limit]` that matches (null: everything); 0 when there is none. */
  next(filter: SubjectFilter | null, start: number, limit: number): number {
    const isAll = filter === null || filter.all
    let from = start
    if (filter !== null && filter.literal !== null) {
      const slot = this.table.findLatin1(filter.literal)
      if (slot < 0 || this.table.lasts[slot] < from) return 0
      from = Math.max(from, this.firstOf(slot))
      if (from > limit) return 0
    }
    for (let i = Math.max(0, this.indexOf(from)); i < this.all.length; i++) {
      const segment = this.all[i]
      if (segment.firstSeq > limit) return 0
      if (segment.live === 0 || segment.endSeq <= from) continue
      let position = Math.max(0, from - segment.firstSeq)
      const end = Math.min(segment.count, limit - segment.firstSeq + 1)
      if (isAll) {
        while (position < end && segment.isDeleted(position)) position++
        if (position < end) return segment.firstSeq + position
        continue
      }
      const columns = segment.index()
      // Only now, since making the index anew may tell of more that is gone.
      position = columns.nextMatch(filter, position, end, segment.deleted)
      if (position >= 0) return segment.firstSeq + position
    }
    return 0
  }

  /** Largest live sequence up to `top` that matches; 0 when there is none. */
  previous(filter: SubjectFilter | null, top: number): number {
    for (let i = this.indexOf(top); i >= 0; i--) {
      const segment = this.all[i]
      if (segment.live === 0 || segment.firstSeq > top) continue
      const columns = filter === null || filter.all ? null : segment.index()
      const memo = columns === null ? null : columns.matches(filter as SubjectFilter)
      for (let position = Math.min(top - segment.firstSeq, segment.count - 1); position >= 0; position--) {
        if (segment.isDeleted(position)) continue
        if (columns === null || columns.isMatch(memo as Uint8Array, filter as SubjectFilter, position)) {
          return segment.firstSeq + position
        }
      }
    }
    return 0
  }

  /** For each subject that matches its last live sequence up to `top`, newest first; stops when there are more than `most`. */
  lastOfEach(filter: SubjectFilter, top: number, most: number): number[] {
    const found: number[] = []
    const seen = new SubjectSet()
    let isFirst = true
    for (let i = this.indexOf(top); i >= 0; i--) {
      const segment = this.all[i]
      if (segment.live === 0 || segment.firstSeq > top) continue
      const columns = segment.index()
      const memo = columns.matches(filter)
      for (let position = Math.min(top - segment.firstSeq, segment.count - 1); position >= 0; position--) {
        if (segment.isDeleted(position) || !columns.isMatch(memo, filter, position)) continue
        const known = seen.count
        seen.findOrAddOf(columns.dictionary, columns.localAt(position))
        if (seen.count === known) continue
        found.push(segment.firstSeq + position)
        if (found.length > most) return found
      }
      // Not through all the others for subjects that are not there.
      if (isFirst && found.length === 0 && !this.hasSlot(filter)) return found
      isFirst = false
    }
    return found
  }

  private hasSlot(filter: SubjectFilter): boolean {
    let has = false
    this.eachSlot(filter, () => {
      has = true
    })
    return has
  }

  /** How many live messages match: those of the subject table. */
  countAll(filter: SubjectFilter): number {
    let total = 0
    this.eachSlot(filter, (slot) => {
      total += this.table.counts[slot]
    })
    return total
  }

  /** How many live messages from `from` on match. */
  countFrom(filter: SubjectFilter | null, from: number): number {
    const isAll = filter === null || filter.all
    let total = 0
    for (let i = Math.max(this.indexOf(from), 0); i < this.all.length; i++) {
      const segment = this.all[i]
      if (segment.live === 0 || segment.endSeq <= from) continue
      if (isAll && segment.firstSeq >= from) {
        total += segment.live
        continue
      }
      const columns = isAll ? null : segment.index()
      const memo = columns === null ? null : columns.matches(filter as SubjectFilter)
      for (let position = Math.max(0, from - segment.firstSeq); position < segment.count; position++) {
        if (segment.isDeleted(position)) continue
        if (columns === null || columns.isMatch(memo as Uint8Array, filter as SubjectFilter, position))
          total++
      }
    }
    return total
  }

  /** Sequence of the `keep`th newest live message up to `bound`; fewer: of the oldest of them; none: `bound + 1`. */
  nthLast(keep: number, bound: number): number {
    let from = bound + 1
    let left = keep
    for (let i = this.all.length - 1; i >= 0 && left > 0; i--) {
      const segment = this.all[i]
      const top = Math.min(segment.count - 1, from - 1 - segment.firstSeq)
      for (let position = top; position >= 0 && left > 0; position--) {
        if (segment.isDeleted(position)) continue
        from = segment.firstSeq + position
        left--
      }
    }
    return from
  }

  /** Largest live sequence of the subject of a slot below `before`; 0 when there is none. */
  lastBefore(slot: number, before: number): number {
    for (let i = this.indexOf(before - 1); i >= 0; i--) {
      const segment = this.all[i]
      if (segment.live === 0) continue
      const columns = segment.index()
      const local = this.localOf(slot, columns)
      if (local < 0) continue
      let position = Math.min(before - 1 - segment.firstSeq, segment.count - 1)
      position = columns.lastPositionOf(local, position)
      while (position >= 0 && segment.isDeleted(position))
        position = columns.lastPositionOf(local, position - 1)
      if (position >= 0) return segment.firstSeq + position
    }
    return 0
  }

  /** The oldest message of a subject; looked for again after the one known was removed. */
  firstOf(slot: number): number {
    const { table } = this
    const known = table.firsts[slot]
    if (known > 0) return known
    if (table.counts[slot] === 1) {
      table.firsts[slot] = table.lasts[slot]
      table.firstSizes[slot] = table.lastSizes[slot]
      return table.lasts[slot]
    }
    const from = 1 - known
    for (let i = Math.max(0, this.indexOf(from)); i < this.all.length; i++) {
      const segment = this.all[i]
      if (segment.live === 0 || segment.endSeq <= from) continue
      const columns = segment.index()
      const local = this.localOf(slot, columns)
      if (local < 0) continue
      let position = columns.positionOf(local, Math.max(0, from - segment.firstSeq), segment.count)
      while (position >= 0 && segment.isDeleted(position))
        position = columns.positionOf(local, position + 1, segment.count)
      if (position < 0) continue
      table.firsts[slot] = segment.firstSeq + position
      table.firstSizes[slot] = 0
      return table.firsts[slot]
    }
    return 0
  }

  /** Adds the live sequences of the subject of a slot. */
  sequencesOf(slot: number, to: number[]): void {
    const { table } = this
    const first = this.firstOf(slot)
    const last = table.lasts[slot]
    to.push(first)
    if (table.counts[slot] > 2) this.sequencesBetween(slot, first, last, to)
    if (last !== first) to.push(last)
  }

  private sequencesBetween(slot: number, first: number, last: number, to: number[]): void {
    for (let i = Math.max(0, this.indexOf(first)); i < this.all.length; i++) {
      const segment = this.all[i]
      if (segment.firstSeq >= last) return
      if (segment.live === 0 || segment.endSeq <= first) continue
      const columns = segment.index()
      const local = this.localOf(slot, columns)
      if (local < 0) continue
      const end = Math.min(segment.count, last - segment.firstSeq)
      let position = columns.positionOf(local, Math.max(0, first + 1 - segment.firstSeq), end)
      for (; position >= 0; position = columns.positionOf(local, position + 1, end)) {
        if (!segment.isDeleted(position)) to.push(segment.firstSeq + position)
      }
    }
  }

  /** Number of a slot's subject in the dictionary of a segment, -1 when it isn't there. */
  private localOf(slot: number, { dictionary }: Columns): number {
    return dictionary.findOf(this.table, slot)
  }

  /** Visits the live subjects that match. */
  eachSlot(filter: SubjectFilter | null, visit: (slot: number) => void): void {
    const { table } = this
    if (filter !== null && filter.literal !== null) {
      const slot = table.findLatin1(filter.literal)
      if (slot >= 0) visit(slot)
      return
    }
    if (filter === null || filter.all) {
      for (let slot = 0; slot < table.count; slot++) if (table.has(slot)) visit(slot)
    } else if (filter.patterns.length === 1) table.eachMatch(filter.patterns[0], visit)
    else {
      // Patterns may overlap.
      const slots = new Set<number>()
      for (const pattern of filter.patterns) table.eachMatch(pattern, (slot) => slots.add(slot))
      for (const slot of slots) visit(slot)
    }
  }

  /** Smallest live sequence whose time is not before the given one; 0 when there is none. */
  atTime(sec: number, nsec: number): number {
    const ms = sec * 1000 + nsec / 1e6
    for (const segment of this.all) {
      if (segment.live === 0 || segment.lastMs < ms - 1) continue
      const columns = segment.index()
      for (let position = 0; position < segment.count; position++) {
        const isBefore =
          columns.secs[position] < sec || (columns.secs[position] === sec && columns.nsecs[position] < nsec)
        if (!isBefore && !segment.isDeleted(position)) return segment.firstSeq + position
      }
    }
    return 0
  }

  /** Sequences of deleted messages of `[first, last]`, the oldest `most` of them. */
  deleted(first: number, last: number, most: number): number[] {
    const found: number[] = []
    let seq = first
    for (const segment of this.all) {
      const { firstSeq, endSeq } = segment
      if (endSeq <= first) continue
      for (; seq < firstSeq && found.length < most; seq++) found.push(seq)
      for (; seq < endSeq && found.length < most; seq++)
        if (segment.isDeleted(seq - firstSeq)) found.push(seq)
    }
    for (; seq <= last && found.length < most; seq++) found.push(seq)
    return found
  }

  /** Index of the last segment that begins at or before the sequence, -1 when there is none. */
  private indexOf(seq: number): number {
    const { all } = this
    let low = 0
    let high = all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (all[middle].firstSeq <= seq) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
