import { nearestWord } from '../app/nearest.ts'
import { CommandFailure, UsageFailure } from './failure.ts'

/** A command in a file of its own, loaded when it is called for. */
interface CommandModule {
  /** What `contrail help NAME` and `contrail NAME --help` print; without it the command has a help of its own. */
  help?: string
  run(words: readonly string[]): Promise<void> | void
}

interface Command {
  about: string
  load(): Promise<CommandModule>
}

const commands: Readonly<Record<string, Command>> = {
  new: { about: 'a project that runs', load: () => import('./new.ts') },
  run: { about: 'run an app, once or in several workers', load: () => import('./run.ts') },
  docs: { about: 'an AsyncAPI document of an app, and a page to read', load: () => import('./docs.ts') },
  generate: {
    about: 'a typed client of an app, or of an AsyncAPI document',
    load: () => import('./generate/generate.ts'),
  },
  move: {
    about: 'streams, consumers and buckets to another server or cluster',
    load: () => import('./move.ts'),
  },
  backup: { about: 'streams to a folder', load: () => import('./backup.ts') },
  restore: { about: 'streams from a folder', load: () => import('./restore.ts') },
  streams: {
    about: 'what streams there are; update, purge, delete',
    load: () => import('./inspect/streams.ts'),
  },
  consumers: {
    about: 'who reads a stream; update, pause, resume, delete',
    load: () => import('./inspect/consumers.ts'),
  },
  kv: { about: 'key-value buckets: get, put, history, watch', load: () => import('./inspect/kv.ts') },
  publish: { about: 'a message, or a request', load: () => import('./inspect/publish.ts') },
  tail: { about: 'messages as they come', load: () => import('./inspect/tail.ts') },
  'dead-letters': {
    about: 'what could not be handled: list, show, resend, drop',
    load: () => import('./dead-letters.ts'),
  },
  check: { about: 'read a whole store and say what is damaged', load: () => import('./check.ts') },
  server: { about: 'serve, with the flags of contrail-server', load: () => import('./server.ts') },
  help: { about: 'this text, or that of a command', load: async () => ({ run: help }) },
  version: { about: 'the version', load: () => import('./version.ts') },
}

const aliases: Readonly<Record<string, string>> = {
  '-h': 'help',
  '--help': 'help',
  '-v': 'version',
  '--version': 'version',
}

/** Runs one command; without words, shows the help. Exit code 2 for what is wrong on the command line, 1 for what fails. */
export async function runCommand(words: readonly string[]): Promise<void> {
  const [word = 'help', ...rest] = words
  const name = Object.hasOwn(aliases, word) ? aliases[word] : word
  if (!Object.hasOwn(commands, name)) {
    console.error(`contrail: ${unknown(word)}\n\n${usage()}`)
    process.exitCode = 2
    return
  }
  const command = await commands[name].load()
  if (command.help !== undefined && rest.some((one) => one === '--help' || one === '-h')) {
    console.log(command.help)
    return
  }
  try {
    await command.run(rest)
  } catch (thrown) {
    // Options that parseArgs does not know have a code of their own.
    const isUsage = String((thrown as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')
    if (!isUsage && !(thrown instanceof CommandFailure)) throw thrown
    const { message } = thrown as Error
    console.error(`contrail ${name}: ${isUsage ? optionFault(message, command.help ?? '') : message}`)
    if (isUsage) console.error(`\n${command.help ?? usage()}`)
    else if (thrown instanceof UsageFailure && !message.includes('contrail help')) {
      console.error(`\`contrail help ${name}\` says more.`)
    }
    process.exitCode = thrown instanceof CommandFailure ? thrown.exitCode : 2
  }
}

function unknown(word: string): string {
  const nearest = nearestWord(word, Object.keys(commands))
  return `unknown command ${JSON.stringify(word)}.${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`
}

/** What is wrong with an option, with the one that may be meant. */
function optionFault(message: string, help: string): string {
  const [, option] = /^Unknown option '(--?[^']+)'/.exec(message) ?? []
  if (option === undefined) return message
  const nearest = nearestWord(option, help.match(/--[a-z][a-z-]*/g) ?? [])
  return `There is no option ${option}.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`
}

async function help([name]: readonly string[]): Promise<void> {
  if (name === undefined) {
    console.log(usage())
    return
  }
  if (!Object.hasOwn(commands, name)) throw new CommandFailure(`${unknown(name)}\n\n${usage()}`, 2)
  console.log((await commands[name].load()).help ?? usage())
}

function usage(): string {
  const lines = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(14)}${about}`)
  return `Usage: contrail COMMAND\n\n${lines.join('\n')}\n\n\`contrail help COMMAND\` says more.`
}
