import type { Json, Ledger, MessageLog } from '../../storage/index.ts'

/** Ledgers of the stream itself begin with a dot: consumers can't be called so. */
const LEDGER_NAME = '.sources'
/** A place (4 bytes) and a sequence (8). */
const ENTRY_BYTES = 12
/** Places of sources that the stream has no more are used again from so many on. */
const MANY = 1024

/** How far the copying of one origin has come. */
export interface Position {
  /** `originKey` of the source. */
  key: string
  /** Which stream of that name it was: another one made later begins anew. '' while that is not known. */
  identity: string
  /** Last sequence taken of the origin, whether or not it was kept. */
  seq: number
  /** Owned by Positions. */
  place: number
  isMoved: boolean
}

/**
 * How far each source of a stream has come, in a ledger beside the stream's messages: so it is known even when all that was copied
 * is gone again. What moved in a turn is written with the commit of the messages that moved it, in one batch with them: after a
 * crash nothing is copied twice and nothing is left out.
 */
export class Positions {
  private readonly log: MessageLog
  private readonly inMemory: boolean
  private readonly onMoved: () => void
  private readonly byKey = new Map<string, Position>()
  private readonly places: Position[] = []
  private moved: Position[] = []
  /** Keys or identities are others than the ledger has. */
  private hasOtherNames = false
  private ledger: Ledger | null = null
  private readonly entry = Buffer.alloc(ENTRY_BYTES)

  /** `onMoved`: called with the first that moves: `flush` is to follow before the next commit. */
  constructor(log: MessageLog, onMoved: () => void) {
    this.log = log
    this.inMemory = log.inMemory
    this.onMoved = onMoved
    const ledger = log.ledgers.get(LEDGER_NAME)
    if (ledger !== undefined) this.recover(ledger)
  }

  /** The position of a source, which begins at nothing. `isUsed`: is a source of that key still followed? */
  of(key: string, isUsed: (key: string) => boolean): Position {
    let position = this.byKey.get(key)
    if (position !== undefined) return position
    const place = this.places.length < MANY ? this.places.length : this.unused(isUsed)
    const before = this.places[place]
    if (before !== undefined) this.byKey.delete(before.key)
    position = { key, identity: '', seq: 0, place, isMoved: false }
    this.places[place] = position
    this.byKey.set(key, position)
    this.hasOtherNames = true
    // What the ledger has of the place is about another one.
    if (before !== undefined) this.move(position, 0)
    return position
  }

  /** All up to `seq` was taken. */
  move(position: Position, seq: number): void {
    position.seq = seq
    if (position.isMoved || this.inMemory) return
    position.isMoved = true
    this.moved.push(position)
    if (this.moved.length === 1) this.onMoved()
  }

  /** It is about another stream than before, of which nothing was taken. */
  begin(position: Position, identity: string, seq: number): void {
    position.identity = identity
    position.seq = seq
    if (this.inMemory) return
    // With the commit, once for all that begin in a turn.
    this.hasOtherNames = true
    this.move(position, seq)
  }

  /** Before a commit: writes what has moved. */
  flush(): void {
    const { moved, entry } = this
    if (moved.length === 0) return
    if (this.ledger === null || this.hasOtherNames) this.saveNames()
    for (const position of moved) {
      position.isMoved = false
      entry.writeUInt32LE(position.place, 0)
      entry.writeDoubleLE(position.seq, 4)
      this.ledger?.append(entry, 0, ENTRY_BYTES, false)
    }
    moved.length = 0
  }

  private unused(isUsed: (key: string) => boolean): number {
    const place = this.places.findIndex(({ key }) => !isUsed(key))
    return place === -1 ? this.places.length : place
  }

  private saveNames(): void {
    this.hasOtherNames = false
    const meta: Json = { places: this.places.map(({ key, identity }) => [key, identity]) }
    if (this.ledger === null) this.use(this.log.createLedger(LEDGER_NAME, meta))
    else this.ledger.setMeta(meta)
  }

  private recover(ledger: Ledger): void {
    const { places = [] } = ledger.meta as { places?: [key: string, identity: string][] }
    for (const [place, [key, identity]] of places.entries()) {
      const position = { key, identity, seq: 0, place, isMoved: false }
      this.places.push(position)
      this.byKey.set(key, position)
    }
    const { snapshot, entries } = ledger.recovered ?? { snapshot: null, entries: [] }
    if (snapshot) this.read(snapshot)
    for (const entry of entries) this.read(entry)
    ledger.recovered = null
    this.use(ledger)
  }

  /** The last one counts: a source may have begun anew. */
  private read(bytes: Buffer): void {
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const position = this.places[bytes.readUInt32LE(at)]
      if (position !== undefined) position.seq = bytes.readDoubleLE(at + 4)
    }
  }

  private use(ledger: Ledger): void {
    this.ledger = ledger
    ledger.beforeCapture = () => this.flush()
    ledger.snapshot = () => {
      const bytes = Buffer.alloc(this.places.length * ENTRY_BYTES)
      for (const { place, seq } of this.places) {
        bytes.writeUInt32LE(place, place * ENTRY_BYTES)
        bytes.writeDoubleLE(seq, place * ENTRY_BYTES + 4)
      }
      return bytes
    }
  }
}
