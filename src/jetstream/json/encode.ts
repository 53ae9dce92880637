const UNSAFE = /[<>&\u2028\u2029]/g

/** JSON as nats-server writes it: characters that mean something in HTML are escaped. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
