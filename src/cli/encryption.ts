import { CommandFailure } from './failure.ts'

/** The key of an encrypted store, for commands that open one: never in an argument, where other processes can read it. */
export function encryptionFromEnvironment(
  environment: NodeJS.ProcessEnv = process.env,
): { cipher: 'chacha'; key: string } | undefined {
  const key = environment.CONTRAIL_KEY
  if (key === '') {
    throw new CommandFailure('CONTRAIL_KEY is empty: set it, or unset it for a store that is not encrypted.')
  }
  // Which cipher is only asked for what is written anew: what is there says its own.
  return key ? { cipher: 'chacha', key } : undefined
}
