/** How far long work has come: a bar on a terminal, a line at the end elsewhere. */

const WIDTH = 30
const REDRAW_MS = 100

export class Progress {
  readonly #title: string
  readonly #total: number
  readonly #begunMs = performance.now()
  #drawnMs = 0

  constructor(title: string, total: number) {
    this.#title = title
    this.#total = total
  }

  update(done: number): void {
    if (!process.stderr.isTTY) return
    const now = performance.now()
    if (now - this.#drawnMs < REDRAW_MS) return
    this.#drawnMs = now
    const part = this.#total === 0 ? 1 : Math.min(1, done / this.#total)
    const filled = Math.round(part * WIDTH)
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled)
    process.stderr.write(
      `\r\x1b[K${this.#title} ${bar} ${Math.floor(part * 100)}% ${done.toLocaleString('en')}`,
    )
  }

  /** Ends the line with a word on the outcome. */
  end(outcome: string): void {
    const seconds = ((performance.now() - this.#begunMs) / 1000).toFixed(1)
    process.stderr.write(
      `${process.stderr.isTTY ? '\r\x1b[K' : ''}${this.#title}: ${outcome} (${seconds} s)\n`,
    )
  }
}
