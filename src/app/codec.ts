/** How values become bytes and back. */
import type { Payload } from '@nats-io/nats-core'
import { InvalidMessageError, reasonOf } from './errors.ts'

/** A form of messages. `decode` may throw; the message is then an invalid one. */
export interface Codec<T = unknown> {
  /** For logs and documents, for example 'json'. */
  readonly name: string
  /** MIME type, for documents; for example 'application/json'. */
  readonly contentType: string
  encode(value: T): Payload
  decode(data: Uint8Array): T
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The default. Nothing at all is `undefined`; bytes are sent as they are. */
export const jsonCodec: Codec = {
  name: 'json',
  contentType: 'application/json',
  encode(value) {
    if (value instanceof Uint8Array) return value
    if (value === undefined) return ''
    const text: string | undefined = JSON.stringify(value)
    if (text === undefined) throw new TypeError(`A ${typeof value} can't be written as JSON.`)
    return text
  },
  decode(data) {
    return data.length === 0 ? undefined : JSON.parse(utf8.decode(data))
  },
}

export const textCodec: Codec<string> = {
  name: 'text',
  contentType: 'text/plain',
  encode: (value) => String(value),
  decode: (data) => utf8.decode(data),
}

export const bytesCodec: Codec<Uint8Array> = {
  name: 'bytes',
  contentType: 'application/octet-stream',
  encode: (value) => value,
  decode: (data) => data,
}

const NAMED = { json: jsonCodec, text: textCodec, bytes: bytesCodec }

/** A codec whose type nobody needs to know. */
export interface AnyCodec {
  readonly name: string
  readonly contentType: string
  encode(value: never): Payload
  decode(data: Uint8Array): unknown
}

/** A codec by name, or one of your own. */
export type CodecOption = keyof typeof NAMED | AnyCodec

/** What a codec's messages are before a schema has seen them. */
export type Decoded<C> = C extends 'text'
  ? string
  : C extends 'bytes'
    ? Uint8Array
    : C extends { decode(data: Uint8Array): infer T }
      ? T
      : unknown

/** The codec that an option names. */
export function codecOf(option: CodecOption | undefined): Codec {
  if (option === undefined) return jsonCodec
  return (typeof option === 'string' ? NAMED[option] : option) as Codec
}

/** @throws InvalidMessageError */
export function decode(codec: Codec, data: Uint8Array, subject: string): unknown {
  try {
    return codec.decode(data)
  } catch (thrown) {
    throw new InvalidMessageError(
      subject,
      `The message on "${subject}" can't be read as ${codec.name}: ${reasonOf(thrown)}.`,
      [],
      { cause: thrown },
    )
  }
}
