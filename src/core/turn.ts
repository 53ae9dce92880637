/** Work put off to the end of the event loop's turn, so that it is done once for all that the turn brought. */

/** Something to run at the end of the turn. `deferred` belongs to `Turn`. */
export interface TurnTask {
  deferred: boolean
  run(): void
}

/** Rounds of work that makes more work within one turn; what is left runs in the next. */
const MAX_ROUNDS = 64

/**
 * Runs deferred tasks in two phases: first all work (which may defer more), then all flushes, in which
 * sockets are written. A task deferred twice runs once.
 */
export class Turn {
  private work: TurnTask[] = []
  private spareWork: TurnTask[] = []
  private flushes: TurnTask[] = []
  private spareFlushes: TurnTask[] = []
  private scheduled = false
  private readonly onFault: ((thrown: unknown) => void) | null
  private isStopped = false
  private readonly immediate = (): void => {
    this.scheduled = false
    if (this.isStopped) return
    if (this.onFault === null) {
      this.drain()
      return
    }
    try {
      this.drain()
    } catch (thrown) {
      this.onFault(thrown)
    }
  }

  /** `onFault`: gets what a task throws at the end of a turn; without it nobody catches that. */
  constructor(onFault: ((thrown: unknown) => void) | null = null) {
    this.onFault = onFault
  }

  /** Forgets what is deferred, for good. */
  stop(): void {
    this.isStopped = true
    this.work.length = 0
    this.flushes.length = 0
  }

  deferWork(task: TurnTask): void {
    if (task.deferred) return
    task.deferred = true
    this.work.push(task)
    this.schedule()
  }

  deferFlush(task: TurnTask): void {
    if (task.deferred) return
    task.deferred = true
    this.flushes.push(task)
    this.schedule()
  }

  /** Runs everything that is deferred, now. What a task throws comes out of here; the rest runs in the next turn. */
  drain(): void {
    for (let round = 0; this.work.length > 0 && round < MAX_ROUNDS; round++) {
      const tasks = this.work
      this.work = this.spareWork
      this.runAll(tasks, this.work)
      this.spareWork = tasks
    }
    if (this.work.length > 0) this.schedule()
    if (this.flushes.length === 0) return
    const tasks = this.flushes
    this.flushes = this.spareFlushes
    this.runAll(tasks, this.flushes)
    this.spareFlushes = tasks
  }

  /** Runs the tasks and empties the list, which is then used again; those behind one that throws go to `next`. */
  private runAll(tasks: TurnTask[], next: TurnTask[]): void {
    let done = 0
    try {
      while (done < tasks.length) {
        const task = tasks[done++]
        task.deferred = false
        task.run()
      }
    } finally {
      if (done < tasks.length) {
        for (; done < tasks.length; done++) next.push(tasks[done])
        this.spareWork = []
        this.spareFlushes = []
        this.schedule()
      }
      tasks.length = 0
    }
  }

  private schedule(): void {
    if (this.scheduled || this.isStopped) return
    this.scheduled = true
    setImmediate(this.immediate)
  }
}
