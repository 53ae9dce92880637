/** What an account shares with others, and what it takes from them. */

export type ShareKind = 'service' | 'stream'
/** How many answers a request to a service may have. */
export type ResponseType = 'chunked' | 'singleton' | 'stream'

/** Who is told how long a service takes. */
export interface LatencyDefinition {
  /** Of a hundred requests; 0: those whose headers ask for it. */
  readonly sampling: number
  /** Of the account that shares. */
  readonly subject: string
}

export interface ExportDefinition {
  readonly kind: ShareKind
  /** Pattern in the account that shares. */
  readonly subject: string
  /** Names of the accounts that may import it; null: every. */
  readonly accounts: readonly string[] | null
  /** Which token of the subject (from 1) has to be the name of the account that imports; 0: none. */
  readonly accountTokenPosition: number
  /** Asked about accounts instead of `accounts`, where no token of the subject decides. Left out: `accounts` alone. */
  readonly admits?: (importer: string, wanted: ImportDefinition) => boolean
  /** Of services. */
  readonly responseType: ResponseType
  /** Of services: answers are let through for so many milliseconds. */
  readonly responseThresholdMs: number
  /** Of services: how long answers take is told. Left out: it isn't. */
  readonly latency?: LatencyDefinition
  /** Of services: is a message that is traced traced here, too? Left out: no. */
  readonly allowTrace?: boolean
}

export interface ImportDefinition {
  readonly kind: ShareKind
  /** The account that shares. */
  readonly account: string
  /** Pattern there. */
  readonly subject: string
  /** Pattern here. Tokens `$1`, `$2` … stand for the wildcards of `subject`, or the wildcards themselves in their order. */
  readonly to: string
  /** Is the service told all about the client? */
  readonly share: boolean
  /** Of streams: is a message that is traced traced here, too? Left out: no. */
  readonly allowTrace?: boolean
  /** What lets the account import it, '' for nothing. Left out: nothing. */
  readonly token?: string
}

export interface AccountShares {
  readonly name: string
  readonly exports: readonly ExportDefinition[]
  readonly imports: readonly ImportDefinition[]
}

/** An import that can't be; the message is nats-server's text. */
export class ImportError extends Error {}
