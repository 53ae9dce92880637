/** A browser without a window, driven by its DevTools protocol over a pipe: it opens pages and evaluates what a test asks. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge']
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--remote-debugging-pipe',
]
const REPLY_MS = 20_000
const END_MS = 10_000

/** Path of Chromium or Chrome: `$CHROME_PATH`, on the PATH, or where it is installed; null: there is none. */
export function findBrowser(): string | null {
  const named = process.env.CHROME_PATH
  if (named) return existsSync(named) ? named : null
  const exe = process.platform === 'win32' ? '.exe' : ''
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, `${name}${exe}`)))
  return [...candidates, ...PLACES].find((path) => existsSync(path)) ?? null
}

interface Reply {
  id?: number
  method?: string
  sessionId?: string
  params?: { entry?: { text: string }; args?: { value?: unknown }[] }
  result?: Record<string, unknown>
  error?: { message: string }
}

export class Browser {
  private readonly child: ChildProcess
  private readonly profile: string
  private readonly waiting = new Map<number, (reply: Reply) => void>()
  private readonly pages = new Map<string, Page>()
  private lastId = 0
  private held = ''

  constructor(path: string) {
    this.profile = mkdtempSync(join(tmpdir(), 'contrail-browser-'))
    this.child = spawn(path, [...FLAGS, `--user-data-dir=${this.profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    const output = this.child.stdio[4] as Readable
    output.setEncoding('utf8').on('data', (text: string) => this.take(text))
  }

  /** A page that has been loaded. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.ask('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.ask('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page(this, sessionId as string)
    this.pages.set(page.session, page)
    for (const domain of ['Log', 'Runtime', 'Page']) await this.ask(`${domain}.enable`, {}, page.session)
    await page.go(url)
    return page
  }

  ask(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the browser did not answer ${method}`)), REPLY_MS)
      this.waiting.set(id, ({ result, error }) => {
        clearTimeout(timer)
        if (error !== undefined) reject(new Error(`${method}: ${error.message}`))
        else resolve(result ?? {})
      })
      ;(this.child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    const timer = setTimeout(() => this.child.kill('SIGKILL'), END_MS)
    this.ask('Browser.close', {}).catch(() => {})
    await ended
    clearTimeout(timer)
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10 })
  }

  private take(text: string): void {
    const messages = (this.held + text).split('\0')
    this.held = messages.pop() ?? ''
    for (const message of messages) {
      const reply = JSON.parse(message) as Reply
      if (reply.id !== undefined) {
        this.waiting.get(reply.id)?.(reply)
        this.waiting.delete(reply.id)
      } else if (reply.sessionId !== undefined) this.pages.get(reply.sessionId)?.hear(reply)
    }
  }
}

export class Page {
  /** What the browser complained of: what its policy refused, scripts that failed. */
  readonly complaints: string[] = []
  readonly session: string
  private readonly browser: Browser
  private onLoad: () => void = () => {}

  constructor(browser: Browser, session: string) {
    this.browser = browser
    this.session = session
  }

  async go(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.onLoad = resolve
    })
    const { errorText } = await this.browser.ask('Page.navigate', { url }, this.session)
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`)
    await loaded
  }

  /** The value of an expression in the page, awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const asked = { expression, awaitPromise: true, returnByValue: true, userGesture: true }
    const { result, exceptionDetails } = (await this.browser.ask(
      'Runtime.evaluate',
      asked,
      this.session,
    )) as {
      result: { value: T }
      exceptionDetails?: { exception?: { description?: string }; text: string }
    }
    if (exceptionDetails !== undefined) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    }
    return result.value
  }

  hear({ method, params }: Reply): void {
    if (method === 'Page.loadEventFired') this.onLoad()
    if (method === 'Log.entryAdded') this.complaints.push(params?.entry?.text ?? '')
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params))
  }
}
