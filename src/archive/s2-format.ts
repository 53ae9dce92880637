/** The framing of S2 and Snappy streams: chunks of a type, a length of three bytes, and content. */
export const CHUNK = { compressed: 0x00, uncompressed: 0x01, padding: 0xfe, identifier: 0xff } as const
/** Chunks from here on may be passed over by who doesn't know them. */
export const FIRST_SKIPPABLE = 0x80
export const HEAD_BYTES = 4
export const CHECKSUM_BYTES = 4
export const S2_IDENTIFIER = Buffer.from('S2sTwO')
export const SNAPPY_IDENTIFIER = Buffer.from('sNaPpY')
/** Largest block of a chunk when it is unpacked; S2 goes up to 4 MiB. */
export const MAX_BLOCK_BYTES = 4 * 1024 * 1024
/** What incompressible data may grow by when it is packed. */
export const MAX_CHUNK_BYTES = MAX_BLOCK_BYTES + Math.ceil(MAX_BLOCK_BYTES / 6) + 64
