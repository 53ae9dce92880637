/** Users with rules made by chance, and clients that try them: subscriptions, queue groups, publications and answers. */
import type { Line, Session } from '../harness.ts'
import { Dice } from './dice.ts'

/** Two for each script, more than there are at one time: what the first shares, the second takes. */
const PAIRS = 60
const USERS = 4
const CLIENTS = 4
const TOKENS = ['a', 'b', 'c'] as const
const QUEUES = ['q', 'r', 'q.a'] as const
const QUEUE_PATTERNS = [...QUEUES, 'q.*', '*', '>', 's'] as const

function userOf(account: number, user: number): string {
  return `u${account}-${user}`
}

/** A configuration in which every user of every account has rules of its own. */
export function permissionsConfig(seed: number): string {
  const dice = new Dice(seed)
  const accounts = Array.from({ length: 2 * PAIRS }, (_, account) => {
    const users = Array.from({ length: USERS }, (_, user) => {
      return `{ user: "${userOf(account, user)}", password: p, permissions: ${permissions(dice)} }`
    })
    return `A${account} { users: [\n${users.join('\n')}\n]\n`
  })
  // Half of the pairs share nothing.
  for (let pair = 1; pair < PAIRS; pair += 2) {
    const { exports, imports } = shares(dice, `A${2 * pair}`)
    accounts[2 * pair] += `exports: [ ${exports} ]\n`
    accounts[2 * pair + 1] += `imports: [ ${imports} ]\n`
  }
  return `accounts {\n${accounts.map((text) => `${text}}`).join('\n')}\n}\n`
}

/** A stream and a service, or one of them, under the same subjects or others. */
function shares(dice: Dice, exporter: string): { exports: string; imports: string } {
  const kinds = dice.pick([['stream'], ['service'], ['stream', 'service'], ['stream', 'service']])
  const exports: string[] = []
  const imports: string[] = []
  for (const kind of kinds) {
    const subject = pattern(dice)
    const type = kind === 'service' && dice.chance(0.3) ? ', response_type: stream' : ''
    exports.push(`{ ${kind}: "${subject}"${type} }`)
    // A part of what is shared, all of it, or under another subject.
    const taken = dice.chance(0.3) ? subject.replace('*', dice.pick(TOKENS)) : subject
    const to = dice.chance(0.5) ? `, to: "${dice.pick(TOKENS)}.${taken}"` : ''
    imports.push(`{ ${kind}: { account: ${exporter}, subject: "${taken}" }${to} }`)
  }
  return { exports: exports.join(', '), imports: imports.join(', ') }
}

function permissions(dice: Dice): string {
  const parts: string[] = []
  if (dice.chance(0.7)) parts.push(`publish: ${rules(dice, false)}`)
  if (dice.chance(0.85)) parts.push(`subscribe: ${rules(dice, true)}`)
  if (dice.chance(0.3)) parts.push(`allow_responses: ${dice.pick(['true', '{ max: 2 }', '{ max: -1 }'])}`)
  return `{ ${parts.join(', ')} }`
}

function rules(dice: Dice, takesQueues: boolean): string {
  const list = (): string => {
    const patterns = Array.from({ length: 1 + dice.below(3) }, () => {
      const queue = takesQueues && dice.chance(0.3) ? ` ${dice.pick(QUEUE_PATTERNS)}` : ''
      return `"${pattern(dice)}${queue}"`
    })
    return `[${patterns.join(', ')}]`
  }
  const kind = dice.below(4)
  if (kind === 0) return list()
  const allow = kind === 1 ? '' : `allow: ${dice.chance(0.4) ? '">"' : list()}`
  const deny = kind === 2 ? '' : `deny: ${list()}`
  return `{ ${[allow, deny].filter((part) => part !== '').join(', ')} }`
}

function pattern(dice: Dice): string {
  const tokens: string[] = Array.from({ length: 1 + dice.below(3) }, () =>
    dice.chance(0.25) ? '*' : dice.pick(TOKENS),
  )
  if (dice.chance(0.3)) tokens.push('>')
  return dice.chance(0.05) ? '>' : tokens.join('.')
}

function literal(dice: Dice): string {
  return Array.from({ length: 1 + dice.below(3) }, () => dice.pick(TOKENS)).join('.')
}

/** What one client got of a message; of queue groups, that one of them did. */
interface Seen {
  readonly to: string
  readonly message: string
}

export class PermissionScript {
  private readonly dice: Dice
  private readonly session: Session
  private readonly account: number
  /** Are two accounts at play? */
  private readonly isShared: boolean
  private readonly lines: Line[] = []
  /** Requests that went to another account and may be answered: who got them, and where to. */
  private asked: { readonly client: number; readonly reply: string }[] = []
  /** Subscription to queue group, '' for none. */
  private readonly groups = new Map<string, string>()
  private sids = 0
  private messages = 0
  /** With several members in a group chance says who gets a message: then nobody answers, since only that one may. */
  private readonly answers: boolean

  constructor(seed: number, session: Session) {
    this.dice = new Dice(seed)
    this.session = session
    this.account = 2 * (seed % PAIRS)
    this.isShared = seed % 2 === 1
    this.answers = this.dice.chance(0.4)
  }

  async run(): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) {
      const user = userOf(this.account + (this.isShared ? i % 2 : 0), i % USERS)
      const echo = this.dice.chance(0.8)
      const hello = { verbose: false, pedantic: false, headers: true, protocol: 1, user, pass: 'p', echo }
      this.lines.push(await this.session.open(`${i}`, `CONNECT ${JSON.stringify(hello)}\r\n`))
    }
    const steps = 10 + this.dice.below(20)
    for (let i = 0; i < steps; i++) {
      if (this.dice.chance(i < steps / 2 ? 0.6 : 0.2)) await this.subscribe()
      else if (this.asked.length > 0 && this.dice.chance(0.5)) await this.answer()
      else await this.publish()
    }
  }

  private async subscribe(): Promise<void> {
    const { dice } = this
    const client = dice.below(CLIENTS)
    const sid = `${++this.sids}`
    const queue = dice.chance(0.4) ? (this.answers ? `q${sid}` : dice.pick(QUEUES)) : ''
    this.groups.set(sid, queue)
    const line = `SUB ${pattern(dice)} ${queue === '' ? '' : `${queue} `}${sid}`
    await this.lines[client].send(`${line}\r\n`)
    await this.note(`${client}: ${line}`)
  }

  private async publish(): Promise<void> {
    const { dice } = this
    const client = dice.below(CLIENTS)
    const body = `m${++this.messages}`
    const reply = this.answers && dice.chance(0.5) ? ` ${literal(dice)}` : ''
    const line = `PUB ${literal(dice)}${reply} ${body.length}`
    await this.lines[client].send(`${line}\r\n${body}\r\n`)
    for (const other of this.lines) await other.send('')
    await this.note(`${client}: ${line}`)
  }

  /** An answer to another account, by who was asked or by somebody else. */
  private async answer(): Promise<void> {
    const { dice } = this
    const { client, reply } = dice.pick(this.asked)
    const by = dice.chance(0.8) ? client : dice.below(CLIENTS)
    const body = `m${++this.messages}`
    await this.lines[by].send(`PUB ${reply} ${body.length}\r\n${body}\r\n`)
    for (const other of this.lines) await other.send('')
    await this.note(`${by}: answers ${client}`)
  }

  /** What everybody got, in an order of its own: that of subscriptions to one message is the server's affair. */
  private async note(did: string): Promise<void> {
    const seen: Seen[] = []
    const asked: { client: number; reply: string; text: string }[] = []
    for (const [client, line] of this.lines.entries()) {
      for (const frame of line.frames()) {
        if (frame.op === 'INFO' || frame.op === 'PONG') continue
        if (frame.sid === undefined)
          seen.push({ to: `${client}`, message: hidden(`${frame.op} ${frame.line}`) })
        else {
          const group = this.groups.get(frame.sid) ?? ''
          const to = group === '' ? `${client} ${frame.sid}` : `group ${group}`
          const message = hidden(`${frame.subject} ${frame.reply ?? ''} ${frame.payload}`)
          seen.push({ to, message })
          if (frame.reply?.startsWith('_R_.'))
            asked.push({ client, reply: frame.reply, text: `${to} ${message}` })
        }
      }
    }
    const text = seen.map(({ to, message }) => `${to}: ${message}`).sort()
    this.session.note(did, text)
    if (this.answers && asked.length > 0)
      this.asked = asked
        .sort((a, b) => (a.text < b.text ? -1 : 1))
        .map(({ client, reply }) => ({ client, reply }))
  }
}

/** Where an answer to another account goes is made by chance. */
function hidden(text: string): string {
  return text.replace(/_R_\.[^ "']+/g, '_R_')
}
