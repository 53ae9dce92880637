/** bcrypt on a thread of its own: one comparison takes a tenth of a second. */
import { Worker } from 'node:worker_threads'
import bcrypt from 'bcryptjs'

/** Comparisons that may wait; more are answered with no. */
const MOST_WAITING = 1024
/** The thread ends when nobody has logged in for so long. */
const IDLE_MS = 10_000

interface Task {
  given: string
  hash: string
  hasLeft: (() => boolean) | undefined
  tell: (isSame: boolean) => void
}

class BcryptThread {
  private worker: Worker | null = null
  private readonly waiting: Task[] = []
  private current: Task | null = null
  private idle: NodeJS.Timeout | null = null
  /** The thread can't be started: its file is not there, as in a bundle of the program's own. */
  private isMissing = false

  compare(given: string, hash: string, hasLeft?: () => boolean): Promise<boolean> {
    if (this.waiting.length >= MOST_WAITING) this.forget()
    if (this.waiting.length >= MOST_WAITING) return Promise.resolve(false)
    return new Promise((tell) => {
      this.waiting.push({ given, hash, hasLeft, tell })
      this.next()
    })
  }

  private next(): void {
    if (this.current !== null) return
    let task = this.waiting.shift() ?? null
    // Who has left must not hold up those behind it.
    while (task?.hasLeft?.()) {
      task.tell(false)
      task = this.waiting.shift() ?? null
    }
    this.current = task
    if (task === null) {
      // Only what is waited for keeps a process alive.
      this.worker?.unref()
      this.idle = setTimeout(() => this.end(), IDLE_MS).unref()
      return
    }
    if (this.idle !== null) clearTimeout(this.idle)
    this.idle = null
    if (this.isMissing) void bcrypt.compare(task.given, task.hash).then((isSame) => this.answered(isSame))
    else this.thread().postMessage({ given: task.given, hash: task.hash })
  }

  /** Those that have left make room. */
  private forget(): void {
    const gone = new Set(this.waiting.filter((task) => task.hasLeft?.()))
    const left = this.waiting.filter((task) => !gone.has(task))
    this.waiting.splice(0, this.waiting.length, ...left)
    for (const task of gone) task.tell(false)
  }

  private answered(isSame: boolean): void {
    const { current } = this
    this.current = null
    current?.tell(isSame)
    this.next()
  }

  private thread(): Worker {
    this.worker?.ref()
    if (this.worker !== null) return this.worker
    const worker = new Worker(new URL('./bcrypt-worker.js', import.meta.url))
    this.worker = worker
    worker.on('message', (isSame: boolean) => this.answered(isSame))
    worker.on('error', () => this.lost(worker))
    worker.on('exit', () => this.lost(worker))
    return worker
  }

  private lost(worker: Worker): void {
    if (this.worker !== worker) return
    this.worker = null
    this.isMissing = true
    const { current } = this
    if (current === null) return
    this.current = null
    this.waiting.unshift(current)
    this.next()
  }

  private end(): void {
    const { worker } = this
    this.worker = null
    void worker?.terminate()
  }
}

const thread = new BcryptThread()

/** Was the hash made of this? No for a hash that is none. */
export function compareHash(given: string, hash: string, hasLeft?: () => boolean): Promise<boolean> {
  return thread.compare(given, hash, hasLeft)
}
