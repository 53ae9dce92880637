import { TextLogger } from './logger.ts'
import { Server } from './server.ts'

const port = Number(process.argv[process.argv.indexOf('-p') + 1])
const server = await Server.start({ port, logger: new TextLogger({ debug: true }) })
process.on('SIGTERM', () => server.stop().then(() => process.exit(0)))
