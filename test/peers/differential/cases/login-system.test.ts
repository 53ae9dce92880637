/** Users of the system account alone shut nobody else out; they are still asked for their passwords. */
import { login } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'

serversWith({
  config: `
accounts { SYS { users: [ { user: sys, password: plain } ] } }
system_account: SYS
`,
})

differential('everybody is let in to the global account', async (s) => {
  await s.info()
  await s.raw(`${login({ protocol: 1 })}PING\r\n`)
  await s.raw('PING\r\n')
  await s.raw('SUB a 1\r\nPUB a 2\r\nhi\r\n')
  await s.raw(`${login({ user: 'sys', pass: 'plain', protocol: 1 })}PING\r\n`)
  await s.raw(`${login({ user: 'sys', pass: 'wrong' })}PING\r\n`)
  await s.raw(`${login({ user: 'somebody', pass: 'else' })}PING\r\n`)
})
