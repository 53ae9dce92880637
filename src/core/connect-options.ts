/** The client's CONNECT, with what nats-server takes for fields that are left out. */
export interface ConnectOptions {
  verbose: boolean
  pedantic: boolean
  echo: boolean
  headers: boolean
  no_responders: boolean
  tls_required: boolean
  protocol: number
  name: string
  lang: string
  version: string
  user: string
  pass: string
  auth_token: string
  nkey: string
  jwt: string
  sig: string
  /** Once a way to ask for an account; refused today. */
  account: string
  new_account: boolean
}

export function defaultConnectOptions(): ConnectOptions {
  return {
    verbose: true,
    pedantic: true,
    echo: true,
    headers: false,
    no_responders: false,
    tls_required: false,
    protocol: 0,
    name: '',
    lang: '',
    version: '',
    user: '',
    pass: '',
    auth_token: '',
    nkey: '',
    jwt: '',
    sig: '',
    account: '',
    new_account: false,
  }
}

/**
 * Reads CONNECT's JSON over what was said before. As in Go, names are compared without case, unknown fields are
 * ignored, and null leaves a field as it was.
 * @throws Error for anything that is not an object or null, and for a field of the wrong type
 */
export function parseConnectOptions(json: string, before: ConnectOptions): ConnectOptions {
  const value = parsed(json)
  if (value === null) return before
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('CONNECT is not an object')
  const options: Record<string, boolean | number | string> = { ...before }
  for (const [key, given] of Object.entries(value)) {
    const name = key.toLowerCase()
    if (!Object.hasOwn(options, name) || given === null) continue
    const isRight =
      typeof given === typeof options[name] && (typeof given !== 'number' || Number.isInteger(given))
    if (!isRight) throw new Error(`CONNECT has a wrong type for ${key}`)
    options[name] = given
  }
  return options as unknown as ConnectOptions
}

/** Node's own error shows a part of the text, which may be a password. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new Error('CONNECT is no JSON')
  }
}
