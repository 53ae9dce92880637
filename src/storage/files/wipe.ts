/** Overwriting: what stood in a file is not on the disk any more, as far as the file's own blocks are concerned. */
import type { FileHandle, FileSystem } from '../../ports/index.ts'
import { settle, syncFile } from './document.ts'

const ZEROS = Buffer.alloc(64 * 1024)

/** Overwrites the first `bytes` of an open file with zeros, durably. */
export async function wipe(handle: FileHandle, bytes: number): Promise<void> {
  const zeros = bytes > ZEROS.length * 4 ? Buffer.alloc(Math.min(bytes, 1024 * 1024)) : ZEROS
  for (let at = 0; at < bytes; at += zeros.length) {
    await new Promise<void>((resolve, reject) =>
      handle.write(zeros, 0, Math.min(zeros.length, bytes - at), at, settle(resolve, reject)),
    )
  }
  if (bytes > 0) await syncFile(handle)
}

/** Overwrites a whole file, durably: it is to be removed. */
export async function wipeFile(fileSystem: FileSystem, path: string): Promise<void> {
  const handle = await fileSystem.open(path, false)
  try {
    await wipe(handle, await fileSystem.size(path))
  } finally {
    await new Promise<void>((resolve) => handle.close(() => resolve()))
  }
}
