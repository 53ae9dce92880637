/** Asks a service in an account about everybody who wants to connect (ADR-26). */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Account, Credentials, Message } from '../../core/index.ts'
import type { Clock } from '../../ports/index.ts'
import { quoted } from '../../wire/index.ts'
import { JwtError, type UserClaims } from '../jwt/index.ts'
import { encodeKey } from '../nkey.ts'
import { type ExpectedAnswer, readAnswer } from './answer.ts'
import { type CalloutServer, encodeRequest } from './request.ts'

/** Where requests go. Nobody else may publish there. */
export const CALLOUT_SUBJECT = '$SYS.REQ.USER.AUTH'
const KEY_HEADER = 'Nats-Server-Xkey'
const KEY_BYTES = 32
/** What a JWT begins with: anything else is sealed. */
const JWT_START = 'eyJ'

export interface CalloutHost {
  readonly server: CalloutServer
  readonly clock: Clock
  account(name: string): Account
  /** How long a client may take to log in. */
  timeoutMs(): number
  log(level: 'debug' | 'error' | 'warn', text: string): void
}

export interface Question {
  /** Where the service is. */
  readonly account: string
  /** What the request is about: the issuer of the configuration, or the account. */
  readonly subject: string
  /** Public key that requests are sealed for; '' for none. */
  readonly xkey: string
  readonly credentials: Credentials
  readonly user: string
  readonly nameTag: string
  readonly tags: readonly string[]
  readonly signerMistake: ExpectedAnswer['signerMistake']
}

export class Callout {
  readonly host: CalloutHost

  constructor(host: CalloutHost) {
    this.host = host
  }

  /** Null: no answer came in time. Rejects with a `JwtError` when the service, or what it answers, lets nobody in. */
  async ask(question: Question): Promise<UserClaims | null> {
    const { server, clock, timeoutMs } = this.host
    const { xkey, account, subject, signerMistake, credentials } = question
    const userKey = newUserKey()
    const nowMs = clock.now()
    const issuedAt = Math.floor(nowMs / 1000)
    const isSealed = xkey !== ''
    const request = encodeRequest(
      server,
      {
        ...question,
        subject,
        userKey,
        expires: Math.floor((nowMs + timeoutMs.call(this.host)) / 1000),
        issuedAt,
        isSealed,
      },
      createHash('sha256').update(randomBytes(KEY_BYTES)).digest('base64url'),
    )
    const box = isSealed ? await server.sealing() : null
    const body = box === null ? Buffer.from(request) : Buffer.from(box.seal(Buffer.from(request), xkey))
    const headers = isSealed ? `NATS/1.0\r\n${KEY_HEADER}: ${server.curveKey}\r\n\r\n` : ''
    if (credentials.hasLeft?.()) return null
    const answer = await this.request(question, body, headers)
    if (answer === null) return null
    const wasSealed = box !== null && answer.length > 0 && !answer.toString('latin1').startsWith(JWT_START)
    const opened = wasSealed ? openedWith(box, answer, xkey) : answer
    if (opened === null)
      throw new JwtError(
        `error decrypting auth callout response on account ${quoted(account)}: unable to decrypt`,
      )
    const expected = { userKey, serverId: server.id, account, isSealed: wasSealed, signerMistake }
    return readAnswer(opened.toString('utf8'), expected, clock.now())
  }

  private request(
    { account: name, credentials }: Question,
    body: Buffer,
    headers: string,
  ): Promise<Buffer | null> {
    const { clock } = this.host
    const account = this.host.account(name)
    const reply = `$SYS._INBOX.${randomBytes(12).toString('base64url')}`
    return new Promise((done) => {
      const end = (answer: Buffer | null): void => {
        subscription.unsubscribe()
        timer.clear()
        done(answer)
      }
      const onMessage = ({ body: bytes, bodyStart, headerLength, bodyEnd }: Message): void =>
        end(Buffer.from(bytes.subarray(bodyStart + headerLength, bodyEnd)))
      const subscription = account.subscribe(reply, { onMessage })
      const timer = clock.setTimer(() => {
        this.host.log(
          'debug',
          `Authorization callout response not received in time on account ${quoted(name)}`,
        )
        end(null)
      }, this.host.timeoutMs())
      credentials.onLeft?.(() => end(null))
      account.publishText(CALLOUT_SUBJECT, body, reply, headers)
    })
  }
}

function openedWith(
  box: { open(message: Uint8Array, sender: string): Uint8Array | null },
  answer: Buffer,
  sender: string,
): Buffer | null {
  try {
    const found = box.open(answer, sender)
    return found === null ? null : Buffer.from(found)
  } catch {
    return null
  }
}

/** A public key that nobody has the seed of: the answer has to name it, so that none is good twice. */
function newUserKey(): string {
  return encodeKey(generateKeyPairSync('ed25519').publicKey, 'user')
}
