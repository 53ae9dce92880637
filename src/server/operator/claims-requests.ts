/** `$SYS.REQ.CLAIMS.…` and `$SYS.REQ.ACCOUNT.<account>.CLAIMS.…`: the JWTs of accounts, changed and asked for over the network. */
import {
  type AccountClaims,
  checkAccountClaims,
  decodeAccountClaims,
  decodeGeneric,
  Issues,
  isPublicKey,
  JwtError,
  type TrustSettings,
} from '../../auth/index.ts'
import type { Account, Bus, InternalSubscription, Message } from '../../core/index.ts'
import { mappingsOf } from '../account-settings.ts'
import type { OperatorAccounts } from './accounts.ts'
import type { JwtFolder } from './jwt-folder.ts'

const DONE = 200
const FAILED = 500
/** Tokens of `$SYS.REQ.ACCOUNT.<account>.CLAIMS.UPDATE`; the older subject has one less. */
const NEW_TOKENS = 6
/** How others know a folder of all accounts, and one of those that are used. */
const words = {
  full: { update: 'jwt update', done: 'jwt updated', failed: 'jwt validation failed' },
  cache: {
    update: 'jwt update cache',
    done: 'jwt updated cache',
    failed: 'jwt update cache validation failed',
  },
}

export interface ClaimsRequestsOptions {
  readonly bus: Bus
  readonly trust: TrustSettings
  readonly accounts: OperatorAccounts
  /** Null: the JWTs are not in a folder, and can be changed until the end only. */
  readonly folder: JwtFolder | null
  readonly type: 'cache' | 'full'
  /** What is said of the server, with the next number. */
  readonly server: () => unknown
}

type Answer = (subject: string, body: string, reply: string) => unknown

export class ClaimsRequests {
  private readonly options: ClaimsRequestsOptions
  private readonly system: Account
  private readonly subscriptions: InternalSubscription[] = []

  constructor(options: ClaimsRequestsOptions) {
    const { bus, folder, accounts, type } = options
    this.options = options
    this.system = bus.account(bus.systemAccount)
    const update: Answer =
      folder === null
        ? (...asked) => this.updateUsed(...asked)
        : (...asked) => this.updateNamed(folder, ...asked)
    for (const subject of ['$SYS.ACCOUNT.*.CLAIMS.UPDATE', '$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE'])
      this.serve(subject, update)
    if (folder === null) return
    folder.onChanged = (name) => void this.changed(folder, name)
    folder.onDeleted = (name) => accounts.remove(name)
    this.serve('$SYS.REQ.CLAIMS.UPDATE', (_subject, body, reply) => this.updateAny(folder, body, reply, ''))
    this.serve('$SYS.REQ.CLAIMS.LIST', (_subject, _body, reply) => this.list(folder, reply))
    this.serve('$SYS.REQ.CLAIMS.DELETE', (_subject, body, reply) => this.delete(folder, body, reply))
    if (type === 'cache') return
    this.serve('$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP', (subject, _body, reply) =>
      this.lookUp(folder, subject, reply),
    )
    this.subscriptions.push(
      this.system.subscribe(
        '$SYS.REQ.CLAIMS.PACK',
        { onMessage: (message) => this.answering(async () => this.pack(folder, message)) },
        'responder',
      ),
    )
  }

  close(): void {
    for (const each of this.subscriptions) each.unsubscribe()
    this.subscriptions.length = 0
  }

  private serve(subject: string, answer: Answer): void {
    const onMessage = (message: Message): void => {
      const text = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
      const { body, bodyStart, headerLength, bodyEnd } = message
      const payload = body.toString('utf8', bodyStart + headerLength, bodyEnd)
      this.answering(async () => answer(text, payload, replyOf(message)))
    }
    this.subscriptions.push(this.system.subscribe(subject, { onMessage }))
  }

  /** What can't be read or written is for the log: who asks waits in vain, as with nats-server. */
  private answering(answer: () => Promise<unknown>): void {
    answer().catch((error: Error) => this.options.bus.log('error', `claims request: ${error.message}`))
  }

  /** Without a folder: an account that is used gets other claims, until the server ends. */
  private async updateUsed(subject: string, body: string, reply: string): Promise<boolean> {
    const { accounts } = this.options
    const name = accountOf(subject)
    try {
      if (body === '') return this.refuse(reply, name, 'jwt update error', 'request body is empty')
      if (decodeAccountClaims(body).head.subject !== name)
        throw new JwtError('subject does not match jwt content')
      if (accounts.get(name) === undefined) return this.confirm(reply, name, 'jwt update skipped')
      await accounts.update(name, body)
      return this.confirm(reply, name, 'jwt updated')
    } catch (error) {
      if (!(error instanceof JwtError)) throw error
      return this.refuse(reply, name, 'jwt update resulted in error', error.message)
    }
  }

  private updateNamed(folder: JwtFolder, subject: string, body: string, reply: string): boolean {
    return this.updateAny(folder, body, reply, accountOf(subject))
  }

  /** `name`: the account that it is to be of; '' for whichever it is of. */
  private updateAny(folder: JwtFolder, body: string, reply: string, name: string): boolean {
    const { trust, accounts, type } = this.options
    const say = words[type]
    const failed = `${say.update} resulted in error`
    let claims: AccountClaims
    try {
      claims = decodeAccountClaims(body)
    } catch (error) {
      if (!(error instanceof JwtError)) throw error
      return this.refuse(reply, type === 'cache' && name !== '' ? name : 'n/a', failed, error.message)
    }
    const { subject, issuer } = claims.head
    const issues = claimMistakes(claims, this.options.bus.clock.now())
    const isUnsigned = trust.first?.isStrict && issuer === trust.first.key
    const checks: readonly (() => boolean)[] = [
      () =>
        issues !== '' && type === 'full' && name !== '' && this.refuse(reply, subject, say.failed, issues),
      () =>
        name !== '' &&
        subject !== name &&
        this.refuse(reply, name, failed, 'subject does not match jwt content'),
      () =>
        isUnsigned === true &&
        this.refuse(reply, name || subject, failed, 'operator requires issuer to be a signing key'),
      () =>
        type === 'cache' &&
        accounts.get(subject) === undefined &&
        this.confirm(reply, subject, `${say.update} skipped`),
      () => issues !== '' && this.refuse(reply, subject, say.failed, issues),
    ]
    if (checks.some((check) => check())) return false
    try {
      folder.save(subject, body)
    } catch (error) {
      return this.refuse(reply, subject, failed, (error as Error).message)
    }
    return this.confirm(reply, subject, say.done)
  }

  /** The file of an account is another: what is used of it changes. */
  private async changed(folder: JwtFolder, name: string): Promise<void> {
    const { accounts, bus } = this.options
    try {
      await accounts.update(name, folder.load(name) ?? '')
    } catch (error) {
      bus.log(
        'error',
        `DirResolver - Update for account "${name}" resulted in error ${(error as Error).message}`,
      )
    }
  }

  private list(folder: JwtFolder, reply: string): void {
    this.answer(reply, { data: folder.all().map(([name]) => name), server: this.options.server() })
  }

  private lookUp(folder: JwtFolder, subject: string, reply: string): void {
    if (reply !== '') this.system.publishText(reply, folder.load(accountOf(subject)) ?? '')
  }

  /** All of them, a message each, and an empty one; that alone where the other has the same. */
  private pack(folder: JwtFolder, message: Message): void {
    const reply = replyOf(message)
    if (reply === '') return
    const theirs = message.body.subarray(message.bodyStart + message.headerLength, message.bodyEnd)
    if (!folder.hash().equals(theirs))
      for (const [name, jwt] of folder.all()) this.system.publishText(reply, `${name}|${jwt}`)
    this.system.publishText(reply, '')
  }

  private delete(folder: JwtFolder, body: string, reply: string): void {
    let issuer = ''
    let names: readonly string[]
    try {
      const { head, nats } = decodeGeneric(body)
      issuer = head.subject
      names = this.deletable(folder, head, () => nats.texts('accounts'), nats.has('accounts'))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.refuse(reply, '', `delete accounts request by ${issuer} failed`, reason)
      return
    }
    const mistakes: string[] = []
    for (const name of names) {
      try {
        folder.delete(name)
      } catch (error) {
        mistakes.push((error as Error).message)
      }
    }
    const done = `deleted ${names.length - mistakes.length} accounts`
    if (mistakes.length === 0) this.confirm(reply, '', done)
    else this.refuse(reply, '', `${done}, failed for ${mistakes.length}`, mistakes.join('\n'))
  }

  /** @throws Error */
  private deletable(
    folder: JwtFolder,
    { subject, issuer }: { subject: string; issuer: string },
    read: () => readonly string[],
    isNamed: boolean,
  ): readonly string[] {
    const { trust, bus } = this.options
    if (!folder.mayDelete) throw new JwtError('delete must be enabled in server config')
    if (subject !== issuer) throw new JwtError('not self signed')
    if (!trust.first?.signers.includes(issuer)) throw new JwtError('not trusted')
    if (!isNamed) throw new JwtError('malformed request')
    let names: readonly string[]
    try {
      names = read()
    } catch {
      throw new JwtError('malformed request')
    }
    for (const name of names) {
      if (!isPublicKey(name, 'account')) throw new JwtError('malformed request')
      if (name === bus.systemAccount) throw new JwtError('not allowed to delete system account')
    }
    return names
  }

  private confirm(reply: string, account: string, message: string): boolean {
    const data = { ...(account === '' ? {} : { account }), code: DONE, message }
    this.options.bus.log('debug', account === '' ? message : `${message} - ${account}`)
    this.answer(reply, { server: this.options.server(), data })
    return true
  }

  private refuse(reply: string, account: string, what: string, why: string): boolean {
    const description = `${what} - ${why}`
    const error = { ...(account === '' ? {} : { account }), code: FAILED, description }
    this.options.bus.log('error', account === '' ? description : `${what} - ${account} - ${why}`)
    this.answer(reply, { server: this.options.server(), error })
    return true
  }

  private answer(reply: string, body: unknown): void {
    if (reply !== '') this.system.publishText(reply, JSON.stringify(body))
  }
}

/** What is wrong with claims that are to be kept, '' for nothing. Their time doesn't matter here. */
function claimMistakes(claims: AccountClaims, nowMs: number): string {
  const issues = new Issues()
  checkAccountClaims(claims, nowMs, issues)
  const { errors } = issues
  if (errors.length > 0) return `validation errors: [${errors.join(' ')}]`
  for (const [from, destinations] of claims.mappings) {
    try {
      mappingsOf({ [from]: destinations.map(({ subject, weight }) => ({ destination: subject, weight })) })
    } catch (error) {
      return `mapping ${JSON.stringify(from)}: ${(error as Error).message}`
    }
  }
  return ''
}

function accountOf(subject: string): string {
  const tokens = subject.split('.')
  return tokens[tokens.length === NEW_TOKENS ? 3 : 2]
}

function replyOf({ reply, replyStart, replyEnd }: Message): string {
  return reply.toString('utf8', replyStart, replyEnd)
}
