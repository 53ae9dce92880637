/** `/metrics` for Prometheus, `/healthz` and `/readyz`, on a port beside the app. */
import { App } from 'contrail'

const app = new App({ memory: true }, { logLevel: 'warn' })
const monitor = app.monitor({
  port: 0, // any free one; 9464 if nothing is said
  checks: { disk: () => true }, // more that must be in order for the app to be ready
})

const jobs = app.stream('JOBS', { subjects: ['jobs.>'] })
const done = new Promise<void>((resolve) => {
  jobs.consume('jobs.{name}', { durable: 'workers' }, () => resolve())
})

await app.start()
await jobs.publish('jobs.sweep')
await done

const ready = await fetch(`${monitor.url}/readyz`)
console.log(ready.status, await ready.text())
const metrics = await (await fetch(`${monitor.url}/metrics`)).text()
for (const line of metrics.split('\n')) if (line.startsWith('contrail_messages_published')) console.log(line)

// The same without HTTP.
const [handler] = app.metrics.report().handlers
console.log(`${handler.subject} on ${handler.stream}: ${handler.failed} failed`)
await app.stop()
