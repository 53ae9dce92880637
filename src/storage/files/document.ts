/**
 * Small documents: JSON that a person can read, with a first line by which damage is told. Replaced as a
 * whole: written beside, made durable, renamed.
 */
import { crc32 } from 'node:zlib'
import type { FileSystem } from '../../ports/index.ts'
import { closeFile, syncFile, truncateTo, writeAt } from './handles.ts'
import { isMissing } from './read-failure.ts'

/** What documents are written in, but for states that name packed segments; and what this version reads up to. */
export const PLAIN_FORMAT = 1
export const PACKED_FORMAT = 2

const MAX_HEAD_BYTES = 96

/** A document of a format that this version does not know. */
export class NewerFormat extends Error {
  constructor(path: string, format: number) {
    super(
      `${path}: written in format ${format}, and this version reads up to ${PACKED_FORMAT}; use a newer Contrail for this directory`,
    )
  }
}

export async function writeFileDurably(fileSystem: FileSystem, path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.tmp`
  const handle = await fileSystem.open(temporary, true)
  try {
    await truncateTo(handle, bytes.length)
    await writeAt(handle, bytes, bytes.length, 0)
    await syncFile(handle)
  } finally {
    await closeFile(handle)
  }
  await fileSystem.rename(temporary, path)
}

export function copyPath(path: string): string {
  return `${path}.copy`
}

/**
 * A second copy, for the case that the first is damaged by the disk. Not synced: the first is what counts. `bytes`: what
 * `writeDocument` wrote.
 */
export async function writeCopy(fileSystem: FileSystem, path: string, bytes: Buffer): Promise<void> {
  const handle = await fileSystem.open(copyPath(path), true)
  try {
    await writeAt(handle, bytes, bytes.length, 0)
    await truncateTo(handle, bytes.length)
  } finally {
    await closeFile(handle)
  }
}

/** Returns the bytes of the file. */
export function writeDocument(
  fileSystem: FileSystem,
  path: string,
  value: unknown,
  format = PLAIN_FORMAT,
): Promise<Buffer> {
  return writeDocumentText(fileSystem, path, `${JSON.stringify(value, null, 1)}\n`, format)
}

/** The same of what is JSON already. */
export async function writeDocumentText(
  fileSystem: FileSystem,
  path: string,
  text: string,
  format: number,
): Promise<Buffer> {
  const bytes = encodeDocument(text, format)
  await writeFileDurably(fileSystem, path, bytes)
  return bytes
}

/** Covers the format's number too: a flipped bit in it is damage, not a newer version. */
function checksum(format: number, body: Buffer): number {
  return crc32(body, crc32(String(format)))
}

function encodeDocument(text: string, format: number): Buffer {
  const length = Buffer.byteLength(text)
  // The head tells the checksum of what stands behind it: room for the longest one is left before.
  const bytes = Buffer.allocUnsafeSlow(MAX_HEAD_BYTES + length)
  const body = bytes.subarray(MAX_HEAD_BYTES)
  body.write(text)
  const head = `${JSON.stringify({ format, crc32: checksum(format, body), length })}\n`
  const start = MAX_HEAD_BYTES - head.length
  bytes.write(head, start)
  return bytes.subarray(start)
}

/**
 * @returns the value, or null when there is no such file or it is damaged
 * @throws NewerFormat
 */
export async function readDocument<T>(fileSystem: FileSystem, path: string): Promise<T | null> {
  const bytes = await fileSystem.readFile(path).catch((error: Error) => {
    if (!isMissing(error)) throw error
    return null
  })
  if (bytes === null) return null
  const end = bytes.indexOf(10)
  try {
    const head = JSON.parse(bytes.toString('utf8', 0, end)) as {
      format: number
      crc32: number
      length: number
    }
    const body = bytes.subarray(end + 1, end + 1 + head.length)
    if (body.length !== head.length || checksum(head.format, body) !== head.crc32) return null
    if (head.format > PACKED_FORMAT) throw new NewerFormat(path, head.format)
    return JSON.parse(body.toString('utf8')) as T
  } catch (error) {
    if (error instanceof NewerFormat) throw error
    return null
  }
}

/** A document, or its copy when it is damaged. `onDamage` is told in words what came of it. */
export async function readDocumentOrCopy<T>(
  fileSystem: FileSystem,
  path: string,
  onDamage: (outcome: string) => void,
): Promise<T | null> {
  const value = await readDocument<T>(fileSystem, path)
  if (value !== null || !(await fileSystem.exists(path))) return value
  const copy = await readDocument<T>(fileSystem, copyPath(path))
  onDamage(copy === null ? 'and so is its copy: what it told is lost' : 'its copy is used')
  return copy
}
