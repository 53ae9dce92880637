// `npm run torture -- FLAGS`: see test/torture/main.ts.
import { join } from 'node:path'
import { become, ensureBuilt, ensureCompiled, ensureInstalled, root } from './house.mjs'

ensureInstalled()
ensureBuilt()
ensureCompiled()
become(process.execPath, [join(root, 'build', 'test', 'torture', 'main.js'), ...process.argv.slice(2)])
