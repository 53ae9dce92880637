/**
 * Entries one behind the other: length of the name, time (ns, signed), sequence, size of the headers, of the payload, then the
 * name and the bytes. Numbers are varints. Writer and reader side by side; the magic bytes come first.
 */

const MAGIC = Buffer.from('NATSARC1')
const MAX_NAME_BYTES = 64 * 1024
/** A message of the largest size a server may allow, or the state of a consumer with very many pending messages. */
const MAX_ENTRY_BYTES = 256 * 1024 * 1024
const MAX_VARINT_BYTES = 10

/** Not an archive, or cut off, or with numbers that can't be. */
export class DamagedArchive extends Error {}

export interface ArchiveEntry {
  /** `state.json`, `consumers/NAME`, a message's subject, or '' at the end. */
  readonly name: string
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint
  /** 0: not a message. */
  readonly seq: number
  readonly headerLength: number
  /** Headers, then the payload. */
  readonly body: Buffer
}

export class ArchiveWriter {
  readonly #write: (bytes: Buffer) => void
  #hasBegun = false

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write
  }

  /** @param body headers (the first `headerLength` bytes), then the payload */
  entry(name: Buffer, timeNs: bigint, seq: number, headerLength: number, body: Buffer): void {
    if (!this.#hasBegun) {
      this.#hasBegun = true
      this.#write(MAGIC)
    }
    const head: number[] = []
    putVarint(head, BigInt(name.length))
    putVarint(head, timeNs < 0n ? -timeNs * 2n - 1n : timeNs * 2n)
    putVarint(head, BigInt(seq))
    putVarint(head, BigInt(headerLength))
    putVarint(head, BigInt(body.length - headerLength))
    this.#write(Buffer.from(head))
    this.#write(name)
    if (body.length > 0) this.#write(body)
  }

  /** The empty entry by which a reader knows that it has all. */
  end(): void {
    this.entry(Buffer.alloc(0), 0n, 0, 0, Buffer.alloc(0))
  }
}

function putVarint(out: number[], value: bigint): void {
  let left = value
  while (left > 127n) {
    out.push(Number(left & 127n) | 0x80)
    left >>= 7n
  }
  out.push(Number(left))
}

/** Takes pieces however they are cut, and hands over whole entries. */
export class ArchiveReader {
  #pieces: Buffer[] = []
  #length = 0
  #hasBegun = false
  /** Bytes that the next entry needs; as long as there are fewer it is no use to look. */
  #needed = MAGIC.length

  write(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#length += bytes.length
  }

  /** Bytes that have come and are not a whole entry yet. */
  get held(): number {
    return this.#length
  }

  /** The next whole entry; null when more has to come. @throws DamagedArchive */
  next(): ArchiveEntry | null {
    if (this.#length < this.#needed) return null
    const all = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces)
    this.#pieces = [all]
    let start = 0
    if (!this.#hasBegun) {
      if (!all.subarray(0, MAGIC.length).equals(MAGIC)) {
        throw new DamagedArchive('not a backup of nats-server 2.15 or later')
      }
      this.#hasBegun = true
      start = MAGIC.length
    }
    const cursor = { at: start }
    const numbers: bigint[] = []
    for (let i = 0; i < 5; i++) {
      const number = readVarint(all, cursor)
      if (number === null) return this.#wait(all.subarray(start), 1)
      numbers.push(number)
    }
    const [nameLength, time, seq, headerLength, payloadLength] = numbers
    if (
      nameLength > MAX_NAME_BYTES ||
      headerLength + payloadLength > MAX_ENTRY_BYTES ||
      seq > Number.MAX_SAFE_INTEGER
    ) {
      throw new DamagedArchive('an entry of the backup is larger than entries can be')
    }
    const nameEnd = cursor.at + Number(nameLength)
    const end = nameEnd + Number(headerLength + payloadLength)
    if (all.length < end) return this.#wait(all.subarray(start), end - all.length)
    this.#keep(all.subarray(end))
    return {
      name: all.toString('utf8', cursor.at, nameEnd),
      timeNs: time & 1n ? -(time >> 1n) - 1n : time >> 1n,
      seq: Number(seq),
      headerLength: Number(headerLength),
      body: all.subarray(nameEnd, end),
    }
  }

  #wait(rest: Buffer, more: number): null {
    this.#keep(rest)
    this.#needed = rest.length + more
    return null
  }

  #keep(rest: Buffer): void {
    this.#pieces = [rest]
    this.#length = rest.length
    this.#needed = 1
  }
}

/** null when it is not all there. @throws DamagedArchive */
function readVarint(bytes: Buffer, cursor: { at: number }): bigint | null {
  let value = 0n
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    if (cursor.at >= bytes.length) return null
    const byte = bytes[cursor.at++]
    value |= BigInt(byte & 127) << BigInt(7 * i)
    if (byte < 128) return value
  }
  throw new DamagedArchive('a number of the backup is longer than numbers can be')
}
