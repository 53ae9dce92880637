/** The key-value and the object store from the app's context: a value put and read back, a file put and read back to a copy. */
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { App } from 'contrail'

const app = new App()
const file = new URL(import.meta.url)
const copy = process.argv[2] ?? './copy.txt'

app.afterStart(async ({ kv, obj }) => {
  const bucket = await kv('propan_kv')
  await bucket.put('key', 'hello')
  console.log((await bucket.get('key'))?.string())

  const store = await obj('propan-obs')
  await store.put({ name: 'example' }, Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>)
  const found = await store.get('example')
  await found?.data.pipeTo(Writable.toWeb(createWriteStream(copy)))
  console.log(`the copy is the same: ${readFileSync(copy).equals(readFileSync(file))}`)
  void app.stop()
})

await app.run()
