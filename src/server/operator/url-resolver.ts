import { quoted } from '../../wire/index.ts'
import type { Resolver } from './resolver.ts'

const MOST_BYTES = 1024 * 1024

/** An HTTP server that has the JWT of each account under its public key. */
export class UrlResolver implements Resolver {
  private readonly url: string
  private readonly timeoutMs: number

  constructor(url: string, timeoutMs: number) {
    this.url = url.endsWith('/') ? url : `${url}/`
    this.timeoutMs = timeoutMs
  }

  async fetch(account: string): Promise<string | null> {
    const url = this.url + account
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(this.timeoutMs) })
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`)
      return await textOf(response)
    } catch (error) {
      throw new Error(`could not fetch <${quoted(withoutPassword(url))}>: ${(error as Error).message}`)
    }
  }

  keep(): void {
    // What is there is the other server's.
  }
}

/** @throws Error when it is longer than a JWT may be */
async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > MOST_BYTES) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return text
  const url = new URL(text)
  if (url.password !== '') url.password = 'xxxxx'
  return url.href
}
