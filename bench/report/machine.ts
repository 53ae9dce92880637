/** What the figures were measured on. */
import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import type { Tools } from '../servers/tools.ts'

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly contrail: string
  readonly natsServer: string
  readonly nats: string
}

export function describeMachine(tools: Tools): Machine {
  return {
    processor: cpus()[0]?.model.trim() || processorOf(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${process.arch}`,
    node: process.version,
    ...tools.versions,
  }
}

/** Where Node knows no model (some ARM machines), the system may. */
function processorOf(): string {
  try {
    const text = execFileSync('lscpu', { encoding: 'utf8' })
    return /^Model name:\s+(.+)$/m.exec(text)?.[1] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}
