/** Users by the certificates of their clients. */

/** What a client's certificate says of it. */
export interface CertificateNames {
  readonly emails: readonly string[]
  readonly hosts: readonly string[]
  readonly uris: readonly string[]
  /** The subject: a line for each part, `TYPE=value`, escaped as in RFC 2253. */
  readonly subject: string
}

/** Reads `subjectAltName` as Node shows it: `DNS:a, email:b, URI:"c, d"`. */
export function certificateNames(subject: string, alternatives: string): CertificateNames {
  const found = { emails: [] as string[], hosts: [] as string[], uris: [] as string[], subject }
  for (const [, kind, quoted, plain] of alternatives.matchAll(
    /(?:^|, )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g,
  )) {
    const text = quoted === undefined ? plain : unquote(quoted)
    if (kind === 'email') found.emails.push(text)
    else if (kind === 'DNS') found.hosts.push(text)
    else if (kind === 'URI') found.uris.push(text)
  }
  return found
}

function unquote(json: string): string {
  try {
    return JSON.parse(json) as string
  } catch {
    return ''
  }
}

/** The first user that the certificate names, in nats-server's order; null: nobody. */
export function userOfCertificate(names: CertificateNames, users: Iterable<string>): string | null {
  const known = new Set(users)
  for (const name of [...names.emails, ...names.hosts, ...names.uris]) if (known.has(name)) return name
  const shown = parts(names.subject.split('\n').join(','))
  if (shown.length === 0) return null
  const exact = JSON.stringify(shown)
  const reversed = JSON.stringify([...shown].reverse())
  const sorted = JSON.stringify([...shown].sort())
  let inAnyOrder: string | null = null
  for (const user of known) {
    if (!user.includes('=')) continue
    const wanted = parts(user)
    const text = JSON.stringify(wanted)
    if (text === exact || text === reversed) return user
    // Each part as often as there: never as a set.
    if (inAnyOrder === null && JSON.stringify([...wanted].sort()) === sorted) inAnyOrder = user
  }
  return inAnyOrder
}

/** `TYPE=value` of a distinguished name, the types in capitals, values unescaped. */
function parts(name: string): string[] {
  const found: string[] = []
  for (const part of name.split(/(?<!\\)[,+]/)) {
    const at = part.indexOf('=')
    if (at < 0) return []
    const value = part.slice(at + 1).trim()
    const plain = value.replace(/\\([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    found.push(`${part.slice(0, at).trim().toUpperCase()}=${plain.replace(/\\(.)/g, '$1')}`)
  }
  return found
}
