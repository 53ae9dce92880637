/** `contrail version`. */
import { CONTRAIL_VERSION } from '../server/process.ts'

export function run(): void {
  console.log(`contrail v${CONTRAIL_VERSION}`)
}
