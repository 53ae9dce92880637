/** The short configuration files of the lists beside this, by name. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../servers.ts'

const folder = join(root, 'test', 'peers', 'configs')
/** `@/` stands for the folder of certificates. */
const certificates = JSON.stringify(join(root, 'test', 'peers', 'certificates')).slice(1, -1)

export function snippets(): Map<string, string> {
  const found = new Map<string, string>()
  for (const list of ['snippets.txt', 'more-snippets.txt'])
    for (const part of readFileSync(join(folder, list), 'utf8').split(/^=== /m).slice(1)) {
      const end = part.indexOf('\n')
      found.set(part.slice(0, end), part.slice(end + 1).replaceAll('@/', `${certificates}/`))
    }
  return found
}
