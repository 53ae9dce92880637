/** The thread of `bcrypt.ts`: one comparison after the other. */
import { parentPort } from 'node:worker_threads'
import bcrypt from 'bcryptjs'

parentPort?.on('message', ({ given, hash }: { given: string; hash: string }) => {
  let isSame = false
  try {
    isSame = bcrypt.compareSync(given, hash)
  } catch {
    // A hash that is none is nobody's.
  }
  parentPort?.postMessage(isSame)
})
