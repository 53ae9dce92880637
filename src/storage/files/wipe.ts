/** Overwriting: what stood in a file is not on the disk any more, as far as the file's own blocks are concerned. */
import type { FileHandle, FileSystem } from '../../ports/index.ts'
import { closeFile, syncFile, writeZeros } from './handles.ts'

const STEP_BYTES = 1024 * 1024

/** Overwrites the first `bytes` of an open file with zeros, durably. */
export async function wipe(handle: FileHandle, bytes: number): Promise<void> {
  await writeZeros(handle, 0, bytes, STEP_BYTES)
  if (bytes > 0) await syncFile(handle)
}

/** Overwrites a whole file, durably: it is to be removed. */
export async function wipeFile(fileSystem: FileSystem, path: string): Promise<void> {
  const handle = await fileSystem.open(path, false)
  try {
    await wipe(handle, await fileSystem.size(path))
  } finally {
    await closeFile(handle)
  }
}
