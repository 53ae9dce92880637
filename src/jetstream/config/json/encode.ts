import { randomUUID } from 'node:crypto'

const UNSAFE = /[<>&\u2028\u2029]/g
/** Stands for a text that was encoded already, until all around it is. */
const MARK = randomUUID()
const ENCODED_MARK = JSON.stringify(MARK)

/** JSON text as a part of what is encoded: for what is too large to be an object first. */
export class JsonText {
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toJSON(): string {
    texts.push(this.text)
    return MARK
  }
}

const texts: string[] = []

/** JSON as nats-server writes it: characters that mean something in HTML are escaped. */
export function encodeJson(value: unknown): string {
  texts.length = 0
  let json = JSON.stringify(value)
  for (const text of texts) json = json.replace(ENCODED_MARK, () => text)
  return json.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
