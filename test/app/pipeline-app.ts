/** The app of pipeline.test.ts, in a process of its own: slow jobs, and a line for each that was handled. */
import { setTimeout as pause } from 'node:timers/promises'
import { App } from '../../src/app/index.ts'

const [servers, deadLetter, killer] = process.argv.slice(2)
const app = new App({ servers }, { logLevel: 'silent', stopTimeout: '2s' })
const retry = { attempts: 3, backoff: '50ms', deadLetter: deadLetter === 'true' } as const

app
  .stream('JOBS', { subjects: ['jobs.>'], retention: 'workqueue' })
  .consume('jobs.>', { durable: 'worker', ackWait: '1s', concurrency: 2, retry }, async (job) => {
    if (String(job) === killer) process.kill(process.pid, 'SIGKILL')
    await pause(15)
    process.stdout.write(`${job}\n`)
  })

await app.run()
