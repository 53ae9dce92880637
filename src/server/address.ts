/** Addresses to listen on: how they are shown, and why one can't be had. */

/** The address a client on this machine can use for where the server listens. */
export function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

/** As logs and errors show it. */
export function hostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Says what is wrong with an address as nats-server does; `code` stays that of node:net. */
export async function bind(listening: Promise<number>, sentence: (why: string) => string): Promise<number> {
  try {
    return await listening
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = (code !== undefined && bindFailures[code]) || message
    throw Object.assign(new Error(sentence(why), { cause: error }), { code })
  }
}

const bindFailures: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: address already in use',
  EACCES: 'bind: permission denied',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
  ENOTFOUND: 'no such host',
}
