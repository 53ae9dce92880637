/** Answers of the system account in the encoding that a request asks for by its header `Accept-Encoding`, as surveyors do. */
import { gzipSync } from 'node:zlib'
import { S2Encoder } from '../../archive/index.ts'

export type Encoding = 'gzip' | 'identity' | 'snappy'

/** Null: the request says nothing of it. What is not known is answered plainly, and the answer says so. */
export function encodingOf(head: string): Encoding | null {
  const wanted = /^Accept-Encoding:(.*)$/im.exec(head)?.[1].trim().toLowerCase() ?? ''
  if (wanted === '') return null
  if (wanted.includes('snappy') || wanted.includes('s2')) return 'snappy'
  return wanted.includes('gzip') ? 'gzip' : 'identity'
}

export function encode(text: string, encoding: Encoding): Uint8Array {
  const bytes = Buffer.from(text, 'utf8')
  if (encoding === 'identity') return bytes
  if (encoding === 'gzip') return gzipSync(bytes)
  const chunks: Buffer[] = []
  const encoder = new S2Encoder((chunk) => chunks.push(chunk), 'snappy')
  encoder.write(bytes)
  encoder.flush()
  return Buffer.concat(chunks)
}

export function encodingHeader(encoding: Encoding): string {
  return `NATS/1.0\r\nContent-Encoding: ${encoding}\r\n\r\n`
}
