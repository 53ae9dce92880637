/** What imports, wildcards and mappings let reach of the server's own services: of the system account, and of JetStream elsewhere. */
import { login } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'
import type { Line, Session } from '../session.ts'

serversWith({
  flags: ['-js'],
  config: `
server_name: one
accounts {
  SYS {
    users: [ { user: sys, password: p } ]
    exports: [ { service: "$SYS.REQ.SERVER.PING.IDZ", accounts: [ASKS] }, { stream: "$SYS.ACCOUNT.*.CONNECT", accounts: [ASKS] } ]
  }
  STORE {
    jetstream: enabled
    users: [ { user: store, password: p } ]
    exports: [ { service: "$JS.API.STREAM.NAMES" }, { service: "$JS.API.STREAM.INFO.*" }, { stream: ">" } ]
  }
  ASKS {
    jetstream: enabled
    users: [
      { user: asks, password: p }
      { user: less, password: p, permissions: { publish: { deny: ["$JS.API.>", "$SYS.>"] }, subscribe: "_INBOX.>" } }
    ]
    imports: [
      { service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.IDZ" } }
      { stream: { account: SYS, subject: "$SYS.ACCOUNT.*.CONNECT" }, to: "events.*" }
      { service: { account: STORE, subject: "$JS.API.STREAM.NAMES" }, to: "store.names" }
      { service: { account: STORE, subject: "$JS.API.STREAM.INFO.*" }, to: "store.info.*" }
      { stream: { account: STORE, subject: "_INBOX.>" }, to: "theirs.>" }
    ]
    mappings: {
      names: "$JS.API.STREAM.NAMES"
      ping: "$SYS.REQ.SERVER.PING"
      login: "$SYS.REQ.USER.AUTH"
      "open.*": "$JS.API.STREAM.INFO.$1"
    }
  }
  NOTHING { users: [ { user: nothing, password: p } ], mappings: { "to.*": "$SYS.REQ.SERVER.PING.$1" } }
}
system_account: SYS
`,
})

let asked = 0

/** A request and what comes of it, without what servers say of themselves. */
async function ask(s: Session, line: Line, subject: string, body = ''): Promise<void> {
  const inbox = `_INBOX.q${++asked}`
  await line.send(`SUB ${inbox} ${asked}\r\nPUB ${subject} ${inbox} ${body.length}\r\n${body}\r\n`)
  await s.wait(60)
  const frames = await line.take()
  const kinds = frames
    .filter(({ op }) => op !== 'PONG' && op !== 'INFO')
    .map(({ op, line: text, payload = '', headers = '' }) => {
      if (op === '-ERR') return text
      const type = /"type":"([^"]+)"/.exec(payload)?.[1]
      const names = /"streams":(\[[^\]]*\]|null)/.exec(payload)?.[1]
      const error = /"description":"([^"]+)"/.exec(payload)?.[1]
      return [
        type ?? (payload === '' ? headers.split('\r')[0] : Object.keys(JSON.parse(payload))),
        names,
        error,
      ]
    })
  s.note(subject, kinds)
}

differential("the server's own services through imports, wildcards and mappings", async (s) => {
  const [store, asks, less, nothing] = await Promise.all(
    ['store', 'asks', 'less', 'nothing'].map((user) => s.open(user, login({ user, pass: 'p' }))),
  )
  const stream = (name: string) => JSON.stringify({ name, subjects: [`${name}.>`], storage: 'memory' })
  await ask(s, store, '$JS.API.STREAM.CREATE.THEIRS', stream('THEIRS'))
  await ask(s, asks, '$JS.API.STREAM.CREATE.OURS', stream('OURS'))
  const subjects = [
    ...['$JS.API.STREAM.NAMES', 'store.names', 'names', 'store.info.THEIRS', 'store.info.OURS', 'open.OURS'],
    ...['open.THEIRS', 'store.delete.THEIRS', '$SYS.REQ.SERVER.PING.IDZ', '$SYS.REQ.SERVER.PING'],
    ...[
      '$SYS.REQ.SERVER.PING.VARZ',
      '$SYS.REQ.CLAIMS.LIST',
      '$SYS.REQ.USER.AUTH',
      '$SYS.REQ.ACCOUNT.SYS.CONNZ',
    ],
    ...['ping', 'login', 'to.IDZ', 'to.VARZ', 'events.STORE', 'theirs.x'],
  ]
  for (const subject of subjects) {
    for (const line of [asks, less]) await ask(s, line, subject)
    // An account without JetStream is told so in two ways.
    if (!subject.startsWith('$JS.')) await ask(s, nothing, subject)
  }
  // Answers to others are heard only where that is shared.
  await asks.send('SUB theirs.> 900\r\nSUB _R_.> 901\r\nSUB $SYS.> 902\r\nSUB events.> 903\r\n')
  await less.send('SUB theirs.> 900\r\nSUB _R_.> 901\r\nSUB $SYS.> 902\r\nSUB events.> 903\r\nSUB > 904\r\n')
  await store.send('PUB _INBOX.mine 1\r\nx\r\nPUB $SYS.ACCOUNT.STORE.CONNECT 1\r\ny\r\n')
  for (const [name, line] of Object.entries({ asks, less })) {
    const frames = await line.take()
    s.note(
      `${name} hears`,
      frames
        .filter(({ op }) => op === 'MSG' || op === '-ERR')
        .map(({ subject, line: text, payload }) => [subject ?? text, payload]),
    )
  }
})
