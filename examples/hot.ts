// A module that a development server loads again when it changes: the new app takes the place of the old one, the embedded
// server stays. Here the module is loaded twice by ourselves.
import { App, hot } from 'contrail'

/** What the module exports. */
const load = (text: string) =>
  hot('shop', () => {
    const app = new App({ memory: true, share: true })
    app.stream('ORDERS')
    app.subscribe('hello', () => text)
    return app
  })

const first = await load('first')
await first.publish('orders.1')
console.log(await first.request('hello'))

const second = await load('second')
console.log(await second.request('hello'), '- and who has the first hears the', await first.request('hello'))
const { state } = await second.context.jsm.streams.info('ORDERS')
console.log('still there:', state.messages)
await second.stop()
