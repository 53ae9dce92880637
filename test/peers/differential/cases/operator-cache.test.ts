/** A folder of the JWTs that were last used: requests about accounts, and strict operators. */
import { join } from 'node:path'
import { accountJwt, newKey, operatorJwt, type TestKey, userJwt } from '../../../jwts.ts'
import { ask } from '../claims.ts'
import { login } from '../credentials.ts'
import { differential, serversWith } from '../harness.ts'
import type { Line, Session } from '../session.ts'

const operator = newKey.operator()
const signer = newKey.operator()
const [system, used, unused] = Array.from({ length: 3 }, newKey.account)
const [userSigner] = [newKey.account()]
const user = newKey.user()
const signing_keys = [userSigner.publicKey]

serversWith({
  config: (directory) => `
operator: "${operatorJwt(operator, { signing_keys: [signer.publicKey], strict_signing_key_usage: true })}"
system_account: ${system.publicKey}
resolver: { type: cache, dir: ${JSON.stringify(join(directory, 'jwts'))}, ttl: "1h" }
resolver_preload: {
  ${system.publicKey}: "${accountJwt(signer, system, { signing_keys })}"
  ${used.publicKey}: "${accountJwt(signer, used, { signing_keys })}"
}
`,
})

function enter(s: Session, name: string, account: TestKey, by = userSigner): Promise<Line> {
  const jwt = userJwt(by, user, { issuer_account: account.publicKey })
  return s.open(name, ({ nonce }) => login({ jwt, sig: user.sign(`${nonce}`) }))
}

const bodies = [
  '',
  'a.b.c',
  accountJwt(operator, used, { signing_keys }),
  accountJwt(signer, unused, { signing_keys }),
  accountJwt(signer, used, { signing_keys: ['x'] }),
  accountJwt(signer, used, { signing_keys, tags: ['a'] }),
]

differential('requests about accounts of a cache', async (s) => {
  const line = await enter(s, 'system', system)
  const other = await enter(s, 'used', used)
  await other.send('')
  for (const subject of ['$SYS.REQ.CLAIMS.UPDATE', `$SYS.REQ.ACCOUNT.${used.publicKey}.CLAIMS.UPDATE`]) {
    for (const body of bodies) await ask(s, line, subject, body)
  }
  await ask(s, line, '$SYS.REQ.CLAIMS.LIST', '')
  await other.settle()
})

differential('users of a strict operator are signed by signing keys', async (s) => {
  for (const by of [userSigner, used, unused]) {
    const line = await enter(
      s,
      by === userSigner ? 'a signing key' : by === used ? 'the account' : 'another',
      used,
      by,
    )
    await line.settle()
  }
})
