/** Files that tell other programs about this process: its id, and its ports. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from './server.ts'

export class PidFile {
  private readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** @throws Error when it can't be written */
  static write(path: string): PidFile {
    try {
      writeWhole(path, String(process.pid))
    } catch (error) {
      throw new Error(`Could not write pidfile: ${(error as Error).message}`)
    }
    return new PidFile(path)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}

/** `<name>_<pid>.ports`: JSON with the URLs of each listener. */
export class PortsFile {
  private readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** @throws Error when it can't be written */
  static write(folder: string, name: string, server: Server): PortsFile {
    const path = join(folder, `${name}_${process.pid}.ports`)
    const ports = { nats: [server.url], monitoring: server.monitorUrl === null ? [] : [server.monitorUrl] }
    try {
      writeWhole(path, JSON.stringify(ports))
    } catch (error) {
      throw new Error(`Error writing ports file (${path}): ${(error as Error).message}`)
    }
    return new PortsFile(path)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}

/** In one step: whoever waits for the file never reads a part of it. */
function writeWhole(path: string, text: string): void {
  const temporary = `${path}.tmp`
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}
