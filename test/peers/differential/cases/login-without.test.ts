/** Clients that show nothing are the user of `no_auth_user`. */
import { FIRST_USER, login } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'

serversWith({
  flags: [],
  config: `
accounts {
  A { users: [ { user: ann, password: plain } ] }
  B { users: [
    { user: guest, password: g, permissions: { publish: "open.>" } }
    { nkey: ${FIRST_USER.publicKey} }
  ] }
}
no_auth_user: guest
`,
})

differential('INFO asks for nothing', async (s) => {
  await s.info()
})

differential('whoever shows nothing may do what the user may', async (s) => {
  await s.raw(`${login({ protocol: 1 })}PING\r\n`)
  await s.raw(`${login({ protocol: 1 })}PUB open.a 1\r\na\r\nPUB shut 1\r\na\r\nPING\r\n`)
  await s.raw('PING\r\n')
  await s.raw('SUB open.a 1\r\nPUB open.a 2\r\nhi\r\nPUB shut 2\r\nhi\r\n')
  await s.raw('P', 'ING\r\n')
  await s.raw(`PING\r\n${login({ user: 'ann', pass: 'plain' })}PUB shut 2\r\nhi\r\nPING\r\n`)
  await s.raw('FOO\r\n')
})

differential('whoever shows something is asked for the rest', async (s) => {
  await s.raw(`${login({ user: 'guest' })}PING\r\n`)
  await s.raw(`${login({ user: 'guest', pass: 'g' })}PING\r\n`)
  await s.raw(`${login({ user: 'ann', pass: 'wrong' })}PING\r\n`)
  await s.raw(`${login({ pass: 'plain' })}PING\r\n`)
  await s.raw(`${login({ auth_token: 'plain' })}PING\r\n`)
  await s.raw(`${login({ nkey: FIRST_USER.publicKey })}PING\r\n`)
})
