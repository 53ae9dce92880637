import { type AddressInfo, createServer } from 'node:net'

/**
 * A port of the loopback that was free a moment ago: the start must be timed from outside, so the number is
 * chosen here.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
