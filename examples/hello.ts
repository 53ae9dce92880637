import { App } from 'contrail'

const app = new App()
app.subscribe('hello.{name}', (_, { params }) => `Hello ${params.name}!`)
app.afterStart(async ({ request }) => console.log(await request('hello.world')))
await app.run()
