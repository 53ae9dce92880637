import type { ConnectOptions } from './connect-options.ts'

/** What is known of a client by its TLS. */
export interface PeerTls {
  /** `1.3`. */
  readonly version: string
  /** IANA's name. */
  readonly cipher: string
  /** What its certificate says; null: it showed none. */
  readonly certificate: {
    readonly emails: readonly string[]
    readonly hosts: readonly string[]
    readonly uris: readonly string[]
    /** The subject, a line for each part. */
    readonly subject: string
  } | null
  /** SHA-256 of the certificate's public key, hex digits; '' without. */
  readonly publicKeyHash: string
  /** Its certificate and those that have signed it, as PEM. Left out: none. */
  readonly pem?: readonly string[]
  /** Was the chain checked? */
  readonly isVerified?: boolean
}

/** Credentials of a client by WebSocket, '' for none. */
export interface ShownByCookies {
  readonly jwt: string
  readonly user: string
  readonly pass: string
  readonly auth_token: string
}

/** Where a client comes from, as its listener knows. */
export interface Peer {
  host: string
  port: number
  readonly kind: 'in-process' | 'tcp' | 'websocket'
  /** Left out, or null: it speaks plainly (yet). Set by the listener at the end of the handshake. */
  tls?: PeerTls | null
  /** Fields of INFO that are of this listener. */
  readonly info?: Readonly<Record<string, unknown>>
  /** It is a proxy, maybe, which has not said yet for whom: then it is not told its address. Left out: no. */
  isUnsure?: boolean
  /** What it has shown before CONNECT: for fields that CONNECT leaves empty. Left out: nothing. */
  readonly cookies?: ShownByCookies
}

/** Something whose input can be held back. */
export interface Pausable {
  /** Stops the arrival of bytes until `resume` was called as often. */
  pause(): void
  resume(): void
}

/** The client that a message is from. */
export interface Origin extends Pausable {
  readonly id: number
  readonly peer: Peer
  readonly startedMs: number
  readonly accountName: string
  /** User name, '' for none. */
  readonly user: string
  readonly options: ConnectOptions
  /** Round trip in milliseconds, 0: not known. */
  readonly rttMs: number
  /** Waits until who takes its messages has caught up, or for a moment at most. */
  waitFor(waited: WaitedFor): void
}

/** A receiver that is behind. */
export interface WaitedFor {
  /** Publishers that wait for it. */
  readonly waiting: Set<Waiting>
}

/** A publisher that waits. */
export interface Waiting {
  release(): void
}
