import { quoted } from '../../wire/index.ts'
import type { Resolver } from './resolver.ts'

const MOST_BYTES = 1024 * 1024
/** Accounts that are asked for at one time, and those that may wait behind them: anybody can name one. */
const MOST_AT_ONCE = 32
const MOST_WAITING = 1024

/** An HTTP server that has the JWT of each account under its public key. */
export class UrlResolver implements Resolver {
  private readonly url: string
  private readonly timeoutMs: number
  private active = 0
  private readonly waiting: { readonly untilMs: number; readonly go: (isTooLate: boolean) => void }[] = []

  constructor(url: string, timeoutMs: number) {
    this.url = url.endsWith('/') ? url : `${url}/`
    this.timeoutMs = timeoutMs
  }

  async fetch(account: string): Promise<string | null> {
    await this.turn()
    try {
      return await this.ask(this.url + account)
    } finally {
      this.active--
      this.next()
    }
  }

  /** @throws Error when too many wait, or it took too long */
  private async turn(): Promise<void> {
    const { waiting, timeoutMs } = this
    if (this.active < MOST_AT_ONCE) this.active++
    else if (waiting.length >= MOST_WAITING) throw new Error('too many accounts are asked for')
    else {
      const untilMs = performance.now() + timeoutMs
      const isTooLate = await new Promise<boolean>((go) => waiting.push({ untilMs, go }))
      if (isTooLate) throw new Error('too many accounts are asked for')
    }
  }

  private next(): void {
    const nowMs = performance.now()
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      const isTooLate = next.untilMs < nowMs
      if (!isTooLate) this.active++
      next.go(isTooLate)
      if (!isTooLate) return
    }
  }

  private async ask(url: string): Promise<string> {
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
