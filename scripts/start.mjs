// `npm start -- FLAGS`: installs and builds what is missing, then runs contrail-server. Without flags: JetStream in
// ./.contrail/jetstream, on the loopback, port 4222.
import { join } from 'node:path'
import { become, ensureBuilt, ensureInstalled, root, say } from './house.mjs'

ensureInstalled()
ensureBuilt()
const given = process.argv.slice(2)
const storeFolder = join(root, '.contrail')
const flags = given.length > 0 ? given : ['-js', '-sd', storeFolder, '-a', '127.0.0.1', '-p', '4222']
if (given.length === 0) {
  say(`data folder: ${join(storeFolder, 'jetstream')}`)
  say('listening on nats://127.0.0.1:4222 (other settings: npm start -- --help)')
}
become(process.execPath, [join(root, 'bin', 'contrail-server'), ...flags])
