/** What is wrong with a command: printed as a sentence, exit code 1 (2 where the command line is wrong). */
export class CommandFailure extends Error {
  readonly exitCode: number

  constructor(sentence: string, exitCode = 1) {
    super(sentence)
    this.exitCode = exitCode
  }
}

/** Wrong words on the command line. */
export class UsageFailure extends CommandFailure {
  constructor(sentence: string) {
    super(sentence, 2)
  }
}
