/** Where streams are: a server by URL, or a store's folder, which is opened by a server in this process. */

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { credsAuthenticator, type NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { loginOf, withoutUser } from '../../app/server-urls.ts'
import { Server } from '../../server/index.ts'
import { encryptionFromEnvironment } from '../encryption.ts'
import { CommandFailure } from '../failure.ts'

const URL_PATTERN = /^(nats|tls|ws|wss):\/\//
const CONNECT_MS = 10_000
const API_MS = 30_000

export interface Place {
  /** As it was named, without a password. */
  readonly name: string
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  close(): Promise<void>
}

/** @throws CommandFailure that says what to do */
export async function openPlace(
  name: string,
  options: { credentials?: string; mayCreate?: boolean },
): Promise<Place> {
  if (URL_PATTERN.test(name)) return openUrl(name, options.credentials)
  if (!options.mayCreate && !existsSync(join(name, 'jetstream'))) {
    throw new CommandFailure(
      `${name} is neither a URL (nats://host:4222) nor the folder of a store (it has no folder jetstream).`,
    )
  }
  let server: Server
  try {
    server = await Server.start({ storeDir: name, encryption: encryptionFromEnvironment() })
  } catch (thrown) {
    const { message } = thrown as Error
    const next = /in use by/.test(message)
      ? '. A running app is reached through its port: new App({ port: 4222 }), and nats://localhost:4222.'
      : ''
    throw new CommandFailure(`The store in ${name} can't be opened: ${message}${next}`)
  }
  try {
    const nc = await server.connect()
    return {
      name,
      nc,
      jsm: await jetstreamManager(nc, { timeout: API_MS }),
      close: async () => {
        await nc.close()
        await server.stop()
      },
    }
  } catch (thrown) {
    await server.stop()
    throw new CommandFailure(`The store in ${name} gives no answer: ${(thrown as Error).message}`)
  }
}

async function openUrl(text: string, credentials: string | undefined): Promise<Place> {
  const urls = text.split(',').map((one) => one.trim())
  const servers = urls.map(withoutUser)
  const { user, password, token } = loginOf(urls)
  // The URL may hold a password: it is not shown.
  const name = servers.join(',')
  let nc: NatsConnection | undefined
  try {
    nc = await connect({
      servers,
      user,
      pass: password,
      token,
      timeout: CONNECT_MS,
      authenticator: credentials === undefined ? undefined : credsAuthenticator(await readFile(credentials)),
    })
    const open = nc
    return { name, nc, jsm: await jetstreamManager(nc, { timeout: API_MS }), close: () => open.close() }
  } catch (thrown) {
    await nc?.close()
    const { message } = thrown as Error
    const next = /authorization/i.test(message)
      ? 'Say who you are: nats://USER:PASSWORD@HOST:PORT, or --creds FILE.'
      : 'Is it running there?'
    throw new CommandFailure(`No connection to ${name}: ${message}. ${next}`)
  }
}
