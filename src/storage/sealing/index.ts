/** Encryption at rest: how the store's files are sealed, and with which key. See docs/storage-format.md. */
import type { FileSystem } from '../../ports/index.ts'
import { copyPath, PLAIN_FORMAT, readDocument, writeCopy, writeDocument } from '../files/document.ts'
import { sealFiles } from './convert.ts'
import { type Encryption, type KeyDocument, makeKey, openKey, sealKey, WrongKey } from './key-ring.ts'
import { SealedFileSystem } from './sealed-file-system.ts'
import { Sealer } from './sealer.ts'

export type { Encryption } from './key-ring.ts'
export { type Cipher, findBlocks, SEAL_BYTES, Sealer } from './sealer.ts'

/** What an encrypted store works with. */
export interface Sealing {
  sealer: Sealer
  /** For the files whose content is sealed. */
  fileSystem: FileSystem
  /** The journal is still to be emptied of what was written before the encryption. */
  isConverting: boolean
}

interface StoreDocument {
  format: number
  encryption?: KeyDocument
}

/**
 * Reads store.json, and makes ready what an encrypted store needs; null for one that is not. A store that was not
 * encrypted until now is, when there is a key.
 * @throws Error when the key is missing or wrong, NewerFormat
 */
export async function openSealing(
  fileSystem: FileSystem,
  directory: string,
  encryption: Encryption | undefined,
  warn: (text: string) => void,
): Promise<Sealing | null> {
  const path = `${directory}/store.json`
  const document =
    (await readDocument<StoreDocument>(fileSystem, path)) ??
    (await readDocument<StoreDocument>(fileSystem, copyPath(path)))
  if (document === null && encryption !== undefined && (await fileSystem.exists(path))) {
    throw new Error(`${path}: damaged, and so is its copy: the key of the data is in it; restore that file`)
  }
  const known = document?.encryption
  if (encryption === undefined) {
    if (known === undefined) return null
    throw new Error(`${directory}: encrypted; name its cipher and key (jetstream { cipher: aes, key: … })`)
  }
  const { dataKey, document: keyDocument } =
    known === undefined ? await begin(fileSystem, directory, encryption) : await reopen(known)
  const sealer = new Sealer(dataKey, encryption.cipher)
  const told = new Set<string>()
  const sealed = new SealedFileSystem(fileSystem, sealer, (damaged) => {
    if (told.has(damaged)) return
    told.add(damaged)
    warn(`${damaged}: not as it was sealed: damaged, or changed by other hands`)
  })
  const isConverting = keyDocument.isConverting === true
  if (isConverting) {
    const files = await sealFiles(fileSystem, directory, sealer)
    if (files > 0) warn(`${directory}: encrypted from here on; ${files} files were sealed`)
  }
  return { sealer, fileSystem: sealed, isConverting }

  async function reopen(held: KeyDocument): Promise<{ dataKey: Buffer; document: KeyDocument }> {
    const { previousKey } = encryption as Encryption
    let opened: ReturnType<typeof openKey>
    try {
      opened = openKey(held, encryption as Encryption)
    } catch (error) {
      if (!(error instanceof WrongKey)) throw error
      const hint =
        previousKey === undefined
          ? 'give the one it was encrypted with (as prev_key, to change it)'
          : 'neither does prev_key'
      throw new Error(`${directory}: encrypted, and ${error.message}; ${hint}`, { cause: error })
    }
    if (!opened.isPrevious) return { dataKey: opened.dataKey, document: held }
    const renewed = { ...held, ...sealKey(opened.dataKey, encryption as Encryption) }
    await writeStoreDocument(fileSystem, directory, renewed)
    return { dataKey: opened.dataKey, document: renewed }
  }
}

async function begin(
  fileSystem: FileSystem,
  directory: string,
  encryption: Encryption,
): Promise<{ dataKey: Buffer; document: KeyDocument }> {
  const made = makeKey(encryption)
  made.document.isConverting = true
  await writeStoreDocument(fileSystem, directory, made.document)
  return made
}

/** Writes store.json of a store that is not encrypted, unless it is as it should be. */
export async function keepStoreDocument(fileSystem: FileSystem, directory: string): Promise<void> {
  const path = `${directory}/store.json`
  const documents = await Promise.all(
    [path, copyPath(path)].map((each) => readDocument<StoreDocument>(fileSystem, each)),
  )
  const isKept = documents.every((each) => each?.format === PLAIN_FORMAT && each.encryption === undefined)
  if (!isKept) await writeStoreDocument(fileSystem, directory)
}

/** Writes store.json, durably, and its copy. */
async function writeStoreDocument(
  fileSystem: FileSystem,
  directory: string,
  encryption?: KeyDocument,
): Promise<void> {
  const document: StoreDocument = {
    format: PLAIN_FORMAT,
    ...(encryption === undefined ? {} : { encryption }),
  }
  const bytes = await writeDocument(fileSystem, `${directory}/store.json`, document)
  await fileSystem.syncDirectory(directory)
  await writeCopy(fileSystem, `${directory}/store.json`, bytes)
}

/** Nothing from before the encryption is left. */
export async function endConverting(fileSystem: FileSystem, directory: string): Promise<void> {
  const document = await readDocument<StoreDocument>(fileSystem, `${directory}/store.json`)
  if (document?.encryption === undefined) return
  const { isConverting: _, ...kept } = document.encryption
  await writeStoreDocument(fileSystem, directory, kept)
}
