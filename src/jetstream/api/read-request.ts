import type { JetStreamAccount } from '../account/account.ts'
import { decodeRequest, type Fields } from '../config/json/decode.ts'
import { decodeStreamConfig, type StreamConfigRequest } from '../config/stream/fields.ts'

interface Readable {
  account: JetStreamAccount
  subject: string
  body: string
}

/** A request's JSON, read as its server does it: fields that nobody knows are refused, or passed over. */
export function readRequest<T>(request: Readable, fields: Fields, type: string): T {
  return read(request, (isLenient) => decodeRequest(request.body, fields, type, type, isLenient))
}

/** The same for the configuration of a stream. */
export function readStreamConfig(request: Readable): StreamConfigRequest {
  return read(request, (isLenient) => decodeStreamConfig(request.body, isLenient))
}

/** A server that isn't strict reads again what it would refuse, and says so in its log. */
function read<T>({ account, subject }: Readable, decode: (isLenient: boolean) => T): T {
  try {
    return decode(false)
  } catch (error) {
    const { host } = account
    if (host.isStrict) throw error
    const what = (error as Error).message.replace('invalid JSON: ', '')
    host.complaints.warn(`Invalid JetStream request '${account.account.name} > ${subject}': ${what}`)
  }
  return decode(true)
}
