// What could not be handled is kept with the reason, and sent again when the fault is mended: in an app, or by
// `contrail dead-letters` from outside.
import { setTimeout as wait } from 'node:timers/promises'
import { App } from 'contrail'

const app = new App({ memory: true })
const orders = app.stream('ORDERS')
let hasPaper = false

const retry = { attempts: 2, backoff: '10ms', deadLetter: true } as const
orders.consume('orders.{id}.created', { durable: 'billing', retry }, (_, { params, message }) => {
  if (!hasPaper) throw new Error('the printer has no paper')
  console.log(`order ${params.id} is billed, at try ${message.tries}`)
  if (params.id === '8') void app.stop()
})

app.afterStart(async () => {
  await orders.publish('orders.7.created', { sku: 'nut' })
  await orders.publish('orders.8.created', { sku: 'bolt' })
  while ((await orders.deadLetters.count()) < 2) await wait(10)
  for await (const letter of orders.deadLetters) {
    console.log(`${letter.subject} ${letter.text()}: ${letter.reason}`)
  }
  hasPaper = true
  await orders.deadLetters.resend({ consumer: 'billing' })
})
await app.run()
