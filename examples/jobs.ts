// A queue of jobs: results, tries, priorities, delays, unique keys, progress, repetition. Needs `npm i zod`.
import { App, JobFailedError, Reject } from 'contrail'
import { z } from 'zod'

const app = new App({ memory: true })

const emails = app.queue('emails', {
  schema: z.object({ to: z.string() }),
  result: z.object({ length: z.number() }),
  attempts: 3,
  backoff: '20ms',
})

emails.handle(async ({ to }, { job }) => {
  if (!to.includes('@')) throw new Reject(`${to} is no address`)
  if (to.startsWith('busy') && job.tries < 3) throw new Error('try again')
  await job.progress('written')
  return { length: to.length }
})

emails.watch((event) => {
  if (event.type === 'progress') console.log(`progress of ${event.id}: ${event.progress}`)
})

app.afterStart(async () => {
  const job = await emails.add({ to: 'anna@shop.ch' }, { unique: 'welcome-anna' })
  console.log('result:', await job.done)

  const busy = await emails.add({ to: 'busy@shop.ch' }, { priority: 'high' })
  await busy.done
  console.log('tries:', (await emails.get(busy.id))?.tries)

  const later = await emails.add({ to: 'bob@shop.ch' }, { delay: '1h', unique: 'reminder-bob' })
  const again = await emails.add({ to: 'bob@shop.ch' }, { unique: 'reminder-bob' })
  console.log('added again:', again.isNew, '- removed:', await emails.remove(later.id))

  const wrong = await emails.add({ to: 'nobody' })
  await wrong.done.catch((thrown) => {
    if (thrown instanceof JobFailedError) console.log(`failed: ${thrown.reason}`)
  })
  await emails.repeat('newsletter', { cron: '0 9 * * 1', timeZone: 'Europe/Zurich' }, { to: 'all@shop.ch' })
  const { delayed, failed, repeated } = await emails.counts()
  console.log({ delayed, failed, repeated })
  void app.stop()
})
await app.run()
