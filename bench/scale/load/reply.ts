/** Tells an answer from an error without reading all of it. */
import type { Frame } from './wire.ts'

const space = 32
/** `{"e`: how the acknowledgement of a publication that was refused begins. */
const refused = Buffer.from('{"e')
/** `{"t`: how an answer of the API begins. */
const typed = Buffer.from('{"t')
const errorKey = Buffer.from('"error":')
const statusAt = 'NATS/1.0'.length

/** Is it a status (`NATS/1.0 404 …`) rather than a message? */
export function isStatus({ bytes, bodyStart, hasHeaders }: Frame): boolean {
  return hasHeaders && bytes[bodyStart + statusAt] === space
}

/** What the server says went wrong, or null. */
export function errorOf(frame: Frame): string | null {
  const { bytes, bodyStart, bodyEnd } = frame
  const failed =
    isStatus(frame) ||
    begins(frame, refused) ||
    (begins(frame, typed) && bytes.subarray(bodyStart, bodyEnd).includes(errorKey))
  return failed ? bytes.toString('latin1', bodyStart, Math.min(bodyEnd, bodyStart + 400)).trim() : null
}

function begins({ bytes, bodyStart }: Frame, text: Buffer): boolean {
  return bytes[bodyStart] === text[0] && bytes[bodyStart + 1] === text[1] && bytes[bodyStart + 2] === text[2]
}
