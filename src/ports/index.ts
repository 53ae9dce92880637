/**
 * The two ports of the store and of everything that waits: files and time.
 * `real-*.ts` are the thin real ones, `simulated-*.ts` the seeded, replayable ones of the tests.
 */

/** A pending timer; `clear` is harmless after it fired. */
export interface Timer {
  clear(): void
}

/** Time. All durations are milliseconds. */
export interface Clock {
  /** Milliseconds since the Unix epoch, with a fraction. Never goes back within one process. */
  now(): number
  /** Calls `callback` once after `delayMs` (0 to 2^31 - 1). A real timer never keeps the process alive. */
  setTimer(callback: () => void, delayMs: number): Timer
}

/** An open file. Positions and lengths are bytes. Callbacks come later, never within the call. */
export interface FileHandle {
  /** Fewer bytes than asked for and no error: the end of the file, or as much as there was now. `size` tells which. */
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, bytesRead: number) => void,
  ): void
  /** Writes everything (short writes are continued). */
  write(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void
  /**
   * Writes everything and makes it durable, as `write` followed by `sync`. In one step where the
   * platform has it (Linux: a second descriptor opened with O_DSYNC).
   */
  writeDurable(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void
  /**
   * The same while the thread waits; for small writes to a disk known to be fast. Missing where a file system has no
   * such way. Throws what `writeDurable` reports.
   */
  writeDurableSync?(buffer: Buffer, offset: number, length: number, position: number): void
  /**
   * `write` while the thread waits: for small writes that are to be in the memory of the operating system, not on the disk.
   * Missing where a file system has no such way. Throws what `write` reports.
   */
  writeSync?(buffer: Buffer, offset: number, length: number, position: number): void
  /** fdatasync: contents, and the size where it changed. */
  sync(done: (error: Error | null) => void): void
  truncate(length: number, done: (error: Error | null) => void): void
  close(done: (error: Error | null) => void): void
}

/** Files. Paths are absolute or relative to the process. Errors are Node's (`code`: ENOENT, ENOSPC …). */
export interface FileSystem {
  /** `create`: made when missing (0600). Never truncates. */
  open(path: string, create: boolean): Promise<FileHandle>
  /** The whole file, or an error: never a part of it. */
  readFile(path: string): Promise<Buffer>
  /** For small, hot index files only: blocks the thread. Throws ENOENT … as `readFile` rejects. */
  readFileSync(path: string): Buffer
  /** Bytes of the file. */
  size(path: string): Promise<number>
  /** Bytes that can still be written to the disk of the folder; Infinity where that can't be told. */
  freeBytes(path: string): Promise<number>
  /** Makes the folder and its parents (0700), and makes the new entries durable. */
  makeDirectory(path: string): Promise<void>
  /** Names (not paths) in the folder, sorted. */
  list(path: string): Promise<string[]>
  /** False: it is not there. Rejects when that can't be told. */
  exists(path: string): Promise<boolean>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Removes a folder with everything below it; no error when it is missing. */
  removeTree(path: string): Promise<void>
  /** Makes the entries of the folder (files made, renamed, removed) durable. */
  syncDirectory(path: string): Promise<void>
  /**
   * Keeps two servers apart. Rejects with an error that names the other process when the lock is held.
   * Returns a function that gives the lock back.
   */
  lock(path: string): Promise<() => Promise<void>>
}
