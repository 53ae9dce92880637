/** Seals the files of a store that was not encrypted until now. */
import type { FileSystem } from '../../ports/index.ts'
import { writeFileDurably } from '../files/document.ts'
import { decodeSeal, type Sealer } from './sealer.ts'

/** Largest block that is made of a file that was written otherwise. */
const BLOCK_BYTES = 64 * 1024
const PLAIN_ENDING = /\.(segment|index|json|copy)$/

/** Seals what is not sealed yet; can be begun again after a crash. The journal is not a matter of this. */
export async function sealFiles(fileSystem: FileSystem, directory: string, sealer: Sealer): Promise<number> {
  const paths: string[] = []
  for (const name of await fileSystem.list(directory)) {
    if (PLAIN_ENDING.test(name) && !name.startsWith('store.json')) paths.push(`${directory}/${name}`)
  }
  for (const log of await fileSystem.list(`${directory}/logs`)) {
    const folder = `${directory}/logs/${log}`
    for (const name of await fileSystem.list(folder)) {
      if (PLAIN_ENDING.test(name)) paths.push(`${folder}/${name}`)
    }
  }
  let sealed = 0
  for (const path of paths) {
    const content = await fileSystem.readFile(path)
    if (decodeSeal(content, 0) !== null) continue
    const blocks: Buffer[] = []
    for (let at = 0; at < content.length; at += BLOCK_BYTES) {
      blocks.push(sealer.seal(content.subarray(at, at + BLOCK_BYTES), at))
    }
    await writeFileDurably(fileSystem, path, Buffer.concat(blocks))
    await fileSystem.syncDirectory(path.slice(0, path.lastIndexOf('/')))
    sealed++
  }
  return sealed
}
