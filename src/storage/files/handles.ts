/** Open files, as promises. */
import type { FileHandle } from '../../ports/index.ts'

/** Puts up to `bytes` from `at` on to the buffer; resolves to how many there were. */
export function readAt(handle: FileHandle, buffer: Buffer, bytes: number, at: number): Promise<number> {
  return new Promise((resolve, reject) =>
    handle.read(buffer, 0, bytes, at, (error, read) => (error === null ? resolve(read) : reject(error))),
  )
}

/** What is known to be there. Less of it is no damage, but was not read: that rejects. */
export async function readWhole(handle: FileHandle, bytes: number, at: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(bytes)
  const read = await readAt(handle, buffer, bytes, at)
  if (read < bytes) throw shortRead(read, bytes)
  return buffer
}

export function shortRead(read: number, bytes: number): Error {
  return new Error(`${read} of ${bytes} bytes could be read`)
}

/** Writes the first `bytes` of the buffer. */
export function writeAt(handle: FileHandle, buffer: Buffer, bytes: number, at: number): Promise<void> {
  return new Promise((resolve, reject) => handle.write(buffer, 0, bytes, at, settle(resolve, reject)))
}

/** Writes zeros to `[from, to)`, a buffer of `stepBytes` at a time. */
export async function writeZeros(
  handle: FileHandle,
  from: number,
  to: number,
  stepBytes: number,
): Promise<void> {
  const zeros = Buffer.alloc(Math.min(stepBytes, Math.max(to - from, 0)))
  for (let at = from; at < to; at += zeros.length)
    await writeAt(handle, zeros, Math.min(zeros.length, to - at), at)
}

export function truncateTo(handle: FileHandle, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => handle.truncate(bytes, settle(resolve, reject)))
}

/** Makes a file's contents durable. */
export function syncFile(handle: FileHandle): Promise<void> {
  return new Promise((resolve, reject) => handle.sync(settle(resolve, reject)))
}

/** What goes wrong with that is nobody's affair any more. */
export function closeFile(handle: FileHandle): Promise<void> {
  return new Promise((resolve) => handle.close(() => resolve()))
}

function settle(resolve: () => void, reject: (error: Error) => void): (error: Error | null) => void {
  return (error) => (error === null || error === undefined ? resolve() : reject(error))
}
