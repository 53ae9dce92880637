/** In the app's process: imports the file, and runs the app that it exports (unless the file has done so itself). */
import { pathToFileURL } from 'node:url'

interface Runnable {
  readonly state: string
  run(): Promise<void>
}

// Node opens its inspector at USR1, and HUP and USR2 end it. A listener of the app's own is called beside.
for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.on(signal, () => {})

const file = process.argv[2]
// What the file sees is as if it had been started itself.
process.argv.splice(1, 1)

const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>
const app = [module.default, module.app].find(
  (one): one is Runnable =>
    one !== null && typeof one === 'object' && typeof (one as Runnable).run === 'function',
)
if (app?.state === 'new') await app.run()
else if (app === undefined && process.env.CONTRAIL_DESCRIBE_TO) {
  console.error(`contrail: ${file} neither exports an app (export default app) nor starts one`)
  process.exitCode = 1
}
