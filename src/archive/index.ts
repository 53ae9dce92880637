/** Backups as nats-server 2.15 writes them: an archive of entries in S2 framing. Pure: bytes in, bytes out. */
export { type ArchiveEntry, ArchiveReader, ArchiveWriter, DamagedArchive } from './archive.ts'
export { crc32c } from './crc32c.ts'
export { decodeInto, encodeInto, MAX_ENCODED_BYTES } from './s2-block.ts'
export { S2Decoder } from './s2-decoder.ts'
export { S2Encoder } from './s2-encoder.ts'
