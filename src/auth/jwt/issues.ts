/** What is wrong with claims, in nats-server's words. */
import type { ClaimsHead } from './token.ts'

/** More errors, and more warnings, than these are not kept. */
const MOST_ISSUES = 1000

interface Issue {
  readonly text: string
  readonly kind: 'error' | 'time' | 'warning'
}

export class Issues {
  readonly all: Issue[] = []
  private errorsLeft = MOST_ISSUES
  private warningsLeft = MOST_ISSUES

  error(text: string): void {
    if (this.errorsLeft-- > 0) this.all.push({ text, kind: 'error' })
  }

  warning(text: string): void {
    if (this.warningsLeft-- > 0) this.all.push({ text, kind: 'warning' })
  }

  /** So much is wrong that nothing more has to be looked at. */
  get isFull(): boolean {
    return this.errorsLeft <= 0
  }

  /** Is it the time for it? Once it has expired the whole second still counts, as with nats-server. */
  time({ expires, notBefore }: ClaimsHead, nowMs: number): void {
    const now = Math.floor(nowMs / 1000)
    if (expires > 0 && now > expires) this.all.push({ text: 'claim is expired', kind: 'time' })
    if (notBefore > 0 && notBefore > now) this.all.push({ text: 'claim is not yet valid', kind: 'time' })
  }

  get errors(): string[] {
    return this.all.filter(({ kind }) => kind === 'error').map(({ text }) => text)
  }

  /** Is there more than warnings? */
  get isBlocking(): boolean {
    return this.all.some(({ kind }) => kind !== 'warning')
  }
}
