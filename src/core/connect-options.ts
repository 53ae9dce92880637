/** The client's CONNECT, with nats-server's defaults for what it leaves out. */
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
  }
}

/**
 * Reads CONNECT's JSON over what was said before; unknown fields are ignored.
 * @throws Error for anything that is not an object, and for a field of the wrong type
 */
export function parseConnectOptions(json: string, before: ConnectOptions): ConnectOptions {
  const value: unknown = JSON.parse(json)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('CONNECT is not an object')
  const options: Record<string, boolean | number | string> = { ...before }
  for (const [key, given] of Object.entries(value)) {
    const name = key.toLowerCase()
    if (!(name in options) || given === null) continue
    if (typeof given !== typeof options[name]) throw new Error(`CONNECT has a wrong type for ${key}`)
    options[name] = given
  }
  return options as unknown as ConnectOptions
}
