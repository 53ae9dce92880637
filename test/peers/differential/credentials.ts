/** Keys and hashes of the cases about who may connect. Made for them; they open nothing else. */
import { fromSeed } from '@nats-io/nkeys'

/** Hashes of `hashed` and of `tok`. */
export const HASHED = '$2b$04$2FoN2I/rebc/hce0r.1YUuxnj4qNoij2UseV4NsyUBC6twktZRZle'
export const HASHED_TOKEN = '$2b$04$Ir1RDwSDk.rAuVLt0/VvDuVbeCyGa.10yDKRaX6LtZwN37J3q0vtS'

export const FIRST_USER = {
  publicKey: 'UCWSCWLIUWXQGESI5JIFKSYYOWCAMZ2BAPBYRE6J4UNFJGWFCKBIM5FQ',
  seed: 'SUAPSCCYKK7SJ3LUJ3FY47JWR2AZQENHO73HFP2BQMEYP5A6EOKGRUA3L4',
}
export const SECOND_USER = {
  publicKey: 'UBPQFCMAPR4I4MWIT6TSBLUWPJBKJLT64B563OOOXNJNCWIHM25L3QJU',
  seed: 'SUALHBVJVDEGGYGJD42IPTXRJDRYTXEAKFPK2XDGVILO42AMXEF2GMEKSM',
}

/** What the seed's owner signs, in base64url without padding. */
export function sign(seed: string, what: string): string {
  return Buffer.from(fromSeed(Buffer.from(seed)).sign(Buffer.from(what))).toString('base64url')
}

/** A CONNECT line, quiet about everything else. */
export function login(fields: Record<string, unknown>): string {
  const all = { verbose: false, pedantic: false, headers: true, no_responders: true, ...fields }
  return `CONNECT ${JSON.stringify(all)}\r\n`
}
