/** A worker of jobs-kill.test.ts, in a process of its own: slow jobs, and a line for each that begins. */
import { setTimeout as pause } from 'node:timers/promises'
import { App } from '../../src/app/index.ts'

const [servers, replicas] = process.argv.slice(2)
const broker = { servers: servers.split(','), ...(replicas === '' ? {} : { replicas: Number(replicas) }) }
const app = new App(broker, { logLevel: 'silent', stopTimeout: '2s' })
app
  .queue<number, number>('work', { ackWait: '1s', concurrency: 2, totalConcurrency: 2 })
  .handle(async (n) => {
    process.stdout.write(`${n}\n`)
    await pause(15)
    return n * 2
  })
await app.run()
