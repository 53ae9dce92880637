/** What the `contrail-server` process is told by its flags and its configuration file. */
import type { LogOptions } from './logger.ts'
import type { ServerOptions } from './options.ts'

export interface Launch {
  server: ServerOptions
  log: LogOptions
  /** File for the process id. */
  pidFile?: string
  /** Folder for the file that names the ports in use. */
  portsFileDir?: string
  /** Sentences about what was taken without effect. */
  notices?: string[]
}

export const CLUSTER_REFUSAL =
  'Contrail serves one machine and does not cluster. Beyond that the engine is nats-server: the same clients work ' +
  'with it, and `contrail move` takes the streams along.'

export const PROFILER_REFUSAL =
  "it is Go's profiler; Node has its own (--cpu-prof, --heap-prof, --inspect), which NODE_OPTIONS takes"
