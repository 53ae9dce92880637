import type { TestContext } from 'node:test'
import { Server, type ServerOptions } from '../../src/server/index.ts'

/** A server that is stopped at the end of the test, however it ends. */
export async function start(t: TestContext, options: ServerOptions = {}): Promise<Server> {
  const server = await Server.start(options)
  t.after(() => server.stop())
  return server
}
