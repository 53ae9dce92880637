import { CONTRAIL_VERSION, runServer } from '../server/process.ts'

/** A command: what follows its name goes to `run`. */
interface Command {
  about: string
  run(words: readonly string[]): Promise<void> | void
}

const commands: Readonly<Record<string, Command>> = {
  server: {
    about: 'serve, with the flags of contrail-server',
    run: runServer,
  },
  help: {
    about: 'this text',
    run: () => console.log(usage()),
  },
  version: {
    about: 'the version',
    run: () => console.log(`contrail v${CONTRAIL_VERSION}`),
  },
}

const aliases: Readonly<Record<string, string>> = {
  '-h': 'help',
  '--help': 'help',
  '-v': 'version',
  '--version': 'version',
}

/** Runs one command; without words, shows the help. Exit code 2 for a command that is not known. */
export async function runCommand(words: readonly string[]): Promise<void> {
  const [word = 'help', ...rest] = words
  const name = aliases[word] ?? word
  if (!Object.hasOwn(commands, name)) {
    console.error(`contrail: unknown command ${JSON.stringify(word)}\n\n${usage()}`)
    process.exitCode = 2
    return
  }
  await commands[name].run(rest)
}

function usage(): string {
  const lines = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(10)}${about}`)
  return `Usage: contrail COMMAND\n\n${lines.join('\n')}`
}
