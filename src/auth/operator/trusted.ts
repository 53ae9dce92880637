/** Operators whose accounts are let in, and what goes together with them. */
import { quoted } from '../../wire/index.ts'
import type { OperatorClaims } from '../jwt/index.ts'
import { isPublicKey } from '../nkey.ts'

const VERSION_PARTS = 3

export interface TrustSettings {
  /** Public keys whose signature an account has to have. */
  readonly keys: readonly string[]
  /** Those of them whose accounts have users signed by signing keys only. */
  readonly strictKeys: readonly string[]
  /** The first operator: who may change accounts over the network. Null: none is known but keys. */
  readonly first: {
    readonly key: string
    readonly signers: readonly string[]
    readonly isStrict: boolean
  } | null
}

/**
 * The keys of operators. `version`: of the server, which they may ask for.
 * @throws Error in nats-server's words
 */
export function trustOf(
  operators: readonly OperatorClaims[],
  keys: readonly string[],
  version: string,
): TrustSettings {
  for (const operator of operators) checkVersion(operator, version)
  const all = [...keys]
  for (const { head, isStrict, signingKeys } of operators) {
    if (!isStrict) all.push(head.subject)
    all.push(...signingKeys)
  }
  for (const key of all)
    if (!isPublicKey(key, 'operator'))
      throw new Error(`trusted Keys ${quoted(key)} are required to be a valid public operator nkey`)
  const first = operators.at(0)
  return {
    keys: all,
    strictKeys: operators.flatMap(({ isStrict, signingKeys }) => (isStrict ? signingKeys : [])),
    first:
      first === undefined
        ? null
        : {
            key: first.head.subject,
            signers: [...(first.isStrict ? [] : [first.head.subject]), ...first.signingKeys],
            isStrict: first.isStrict,
          },
  }
}

/** @throws Error when an operator wants a newer server */
function checkVersion({ head, assertedVersion }: OperatorClaims, version: string): void {
  if (assertedVersion === '') return
  const refuse = (why: string): never => {
    throw new Error(`operator ${head.subject} ${why}`)
  }
  const wanted = assertedVersion.split('.')
  const about = `expects version ${assertedVersion} got error instead: `
  if (wanted.length !== VERSION_PARTS)
    refuse(`${about}asserted server version must be of the form <major>.<minor>.<update>`)
  for (const part of wanted)
    if (!/^[+-]?\d+$/.test(part)) refuse(`${about}asserted server version cant parse ${part} to int`)
  if (wanted.some((part) => Number(part) < 0))
    refuse(`${about}asserted server version can'b contain negative values: ${assertedVersion}`)
  const names = ['major', 'minor', 'update']
  const ours = version.split('.').map(Number)
  for (const [at, part] of wanted.map(Number).entries()) {
    if (part > ours[at])
      refuse(`expected ${names[at]} version ${part} > server ${names[at]} version ${ours[at]}`)
    if (part < ours[at]) return
  }
}
