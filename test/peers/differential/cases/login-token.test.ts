/** A token, hashed. */
import { HASHED_TOKEN, login } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'

serversWith({ flags: [], config: `authorization { token: "${HASHED_TOKEN}" }\n` })

differential('a token is asked for', async (s) => {
  await s.info()
  for (const fields of [
    { auth_token: 'tok', protocol: 1 },
    { auth_token: 'Tok' },
    { auth_token: '' },
    { auth_token: HASHED_TOKEN },
    {},
    { user: 'tok', pass: 'tok' },
    { user: 'tok', auth_token: 'tok' },
  ]) {
    // A hash takes its time.
    const line = await s.open(JSON.stringify(fields), login(fields))
    await line.send('')
    await line.settle()
  }
  await s.raw('PING\r\n')
})
