/** Files that tell other programs about this process: its id, and its ports. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { hostPort } from './address.ts'

/** Where a listener is, and what is spoken there. */
export interface Listening {
  scheme: string
  host: string
  port: number
}

/** Of each kind of listener. */
export interface Ports {
  nats?: Listening
  monitoring?: Listening
}

/**
 * The process id. As nats-server leaves it, it stays when the process has ended.
 * @throws Error when it can't be written
 */
export function writePidFile(path: string): void {
  try {
    writeWhole(path, String(process.pid))
  } catch (error) {
    throw new Error(`Could not write pidfile: ${goReason(error)}`)
  }
}

/** `<name>_<pid>.ports`: JSON with the URLs of each listener, one for each address of this machine that leads there. */
export class PortsFile {
  readonly folder: string
  private readonly path: string

  private constructor(folder: string, path: string) {
    this.folder = folder
    this.path = path
  }

  /** @throws Error when it can't be written */
  static write(folder: string, name: string, ports: Ports): PortsFile {
    const path = join(folder, `${name}_${process.pid}.ports`)
    const urls = Object.fromEntries(Object.entries(ports).map(([kind, each]) => [kind, urlsOf(each)]))
    try {
      writeWhole(path, JSON.stringify(urls))
    } catch (error) {
      throw new Error(`Error writing ports file (${path}): ${goReason(error)}`)
    }
    return new PortsFile(folder, path)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}

function urlsOf({ scheme, host, port }: Listening): string[] {
  return addresses(host).map((address) => `${scheme}://${hostPort(address, port)}`)
}

/** All of this machine where it listens on all. */
function addresses(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host]
  return Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address))
}

/** In one step: whoever waits for the file never reads a part of it. */
function writeWhole(path: string, text: string): void {
  const temporary = `${path}.tmp`
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}

function goReason(error: unknown): string {
  const { code, path, message } = error as NodeJS.ErrnoException
  const why = code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : ''
  return why === '' ? message : `open ${path?.replace(/\.tmp$/, '')}: ${why}`
}
