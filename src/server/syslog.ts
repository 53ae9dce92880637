/** A log that goes to syslog: over the network, or through a stream socket of this machine. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { hostname } from 'node:os'
import type { Logger, LogLineLevel } from './logger.ts'

/** Where the machine's own syslog listens. */
const LOCAL_SOCKETS = ['/dev/log', '/var/run/syslog', '/var/run/log']
const DEFAULT_PORT = 514
/** Facility "daemon", shifted to its place. */
const DAEMON = 3 << 3
const severities: Readonly<Record<LogLineLevel, number>> = {
  fatal: 2,
  error: 3,
  warn: 4,
  info: 5,
  trace: 5,
  debug: 7,
}
/** Lines kept while a stream can't be written; what is more is lost. */
const MOST_WAITING = 1000

export interface SyslogOptions {
  /** `udp://host:port`, `tcp://host:port`, `unix:///path`; '': this machine's. */
  address: string
  /** The name the lines go by. */
  tag: string
  debug: boolean
  trace: boolean
}

export class Syslog implements Logger {
  private readonly options: SyslogOptions
  private readonly facility: number
  private readonly sender: Sender

  /** @throws Error when the address can't be understood, or this machine has no syslog */
  constructor(options: SyslogOptions) {
    this.options = options
    this.facility = options.address === '' ? DAEMON : 0
    this.sender = senderFor(options.address)
  }

  log(level: LogLineLevel, text: string): void {
    const { debug, trace, tag } = this.options
    if ((level === 'debug' && !debug) || (level === 'trace' && !trace)) return
    const when = new Date().toISOString().slice(0, 19)
    const priority = this.facility | severities[level]
    this.sender.send(`<${priority}>${when}Z ${hostname()} ${tag}[${process.pid}]: ${text}\n`)
  }

  close(): Promise<void> {
    return this.sender.close()
  }
}

interface Sender {
  send(line: string): void
  close(): Promise<void>
}

function senderFor(address: string): Sender {
  if (address === '') {
    const path = LOCAL_SOCKETS.find((each) => existsSync(each))
    if (path === undefined)
      throw new Error(
        'error connecting to syslog: "Unix syslog delivery error"; remote_syslog takes an address',
      )
    return new StreamSender({ path })
  }
  let url: URL
  try {
    url = new URL(address)
  } catch {
    throw new Error(`error connecting to syslog: "${address}" is no address like udp://host:514`)
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = Number(url.port) || DEFAULT_PORT
  if (url.protocol === 'udp:') return new DatagramSender(host, port)
  if (url.protocol === 'tcp:') return new StreamSender({ host, port })
  if (url.protocol === 'unix:') return new StreamSender({ path: url.pathname })
  throw new Error(`error invalid network type: "${url.protocol.slice(0, -1)}"`)
}

class DatagramSender implements Sender {
  private readonly socket: DatagramSocket
  private readonly host: string
  private readonly port: number
  private unsent = 0
  private whenSent: (() => void) | null = null

  constructor(host: string, port: number) {
    this.host = host
    this.port = port
    this.socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    // Nobody can be told: the log is what would tell it.
    this.socket.on('error', () => {})
    this.socket.unref()
  }

  send(line: string): void {
    this.unsent++
    this.socket.send(line, this.port, this.host, () => {
      if (--this.unsent === 0) this.whenSent?.()
    })
  }

  async close(): Promise<void> {
    if (this.unsent > 0) {
      await new Promise<void>((resolve) => {
        this.whenSent = resolve
      })
    }
    await new Promise<void>((resolve) => this.socket.close(() => resolve()))
  }
}

/** Connects again with the next line when the connection was lost. */
class StreamSender implements Sender {
  private readonly target: { path: string } | { host: string; port: number }
  private socket: Socket | null = null
  private waiting = 0

  constructor(target: StreamSender['target']) {
    this.target = target
  }

  send(line: string): void {
    if (this.waiting >= MOST_WAITING) return
    this.socket ??= this.open()
    this.waiting++
    this.socket.write(line, () => this.waiting--)
  }

  close(): Promise<void> {
    const { socket } = this
    return new Promise((resolve) => {
      if (socket === null || socket.destroyed) return resolve()
      socket.once('close', () => resolve())
      socket.end()
    })
  }

  private open(): Socket {
    const socket = connect(this.target)
    socket.unref()
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.socket === socket) this.socket = null
    })
    return socket
  }
}
