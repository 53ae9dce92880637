// `npm run build`: compiles src/ to dist/, after which bin/contrail-server and bin/contrail run from any folder.
import { build, ensureInstalled } from './house.mjs'

ensureInstalled()
build()
