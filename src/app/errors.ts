/** Every error of the framework has a code from this table; its sentence says what happened, the hint what to do next. */
export const ERROR_HINTS = {
  NOT_STARTED:
    'Call app.start() or app.run() first; what is needed earlier belongs into a hook of app.onStart.',
  ALREADY_STARTED: 'Make a new App to start again.',
  CANNOT_CONNECT:
    'Is a server running there? `contrail server` starts one; an App without a URL brings its own.',
  CANNOT_LISTEN: 'Take another port (0: any free one), or end what has it.',
  NO_JETSTREAM: 'Start the server with JetStream (`-js`), or use an account that has it.',
  STREAM_MISMATCH:
    "Change the declaration or the stream, or declare it with declare: 'ensure' to update the stream.",
  STREAM_MISSING: "Create the stream, or declare it with declare: 'ensure'.",
  INVALID_OPTION: 'See the docstring of the option.',
  INVALID_SUBJECT: 'Subjects are tokens separated by dots; *, > and {name} may stand for tokens.',
  INVALID_MESSAGE: 'The message does not have the form its handler declares.',
  NO_RESPONDERS:
    'Nobody listens there: a request needs a subscriber, a publication with an acknowledgement a stream.',
  PUBLISH_TIMEOUT:
    'Whether the message was stored is not known; with an id it can be published again without a duplicate.',
  REQUEST_TIMEOUT: 'The handler may be slow or stuck; give the request a longer timeout.',
  REQUEST_FAILED: 'The handler of the request threw this.',
  NOT_PERMITTED:
    'The user of the app may not publish or subscribe there; see the permissions of the account.',
  PUBLISH_REFUSED: 'The server says why; see its error code.',
  PUBLISH_BUFFER_FULL: 'Wait for earlier publications (await them) before publishing more.',
  DISCONNECTED: 'The app reconnects by itself; publish again later, or allow a larger reconnectBuffer.',
  CONFLICT: 'Somebody else wrote the key every time; try again later, or allow more attempts.',
  DUPLICATE_NAME: 'Give it a name of its own.',
  STOPPED: 'The app has stopped.',
} as const

export type ErrorCode = keyof typeof ERROR_HINTS

/** An error of the framework. `message` is the sentence and the hint in one. */
export class ContrailError extends Error {
  readonly code: ErrorCode
  /** What to do next. */
  readonly hint: string

  constructor(code: ErrorCode, sentence: string, options?: ErrorOptions) {
    super(`${sentence} ${ERROR_HINTS[code]}`, options)
    this.name = 'ContrailError'
    this.code = code
    this.hint = ERROR_HINTS[code]
  }
}

/** A message that its handler's codec or schema refuses. */
export class InvalidMessageError extends ContrailError {
  /** What the schema found; empty when the codec could not read the bytes. */
  readonly issues: ReadonlyArray<{ readonly path: string; readonly message: string }>

  constructor(sentence: string, issues: InvalidMessageError['issues'], options?: ErrorOptions) {
    super('INVALID_MESSAGE', sentence, options)
    this.name = 'InvalidMessageError'
    this.issues = issues
  }
}

/** A publication that the server answered with an error (an error of the JetStream API table). */
export class PublishRefusedError extends ContrailError {
  /** JetStream's error code (err_code), for example 10071: wrong last sequence. */
  readonly errorCode: number

  constructor(subject: string, errorCode: number, description: string) {
    super('PUBLISH_REFUSED', `Publishing to "${subject}" was refused: ${description} (${errorCode}).`)
    this.name = 'PublishRefusedError'
    this.errorCode = errorCode
  }
}

/** A request whose handler threw; `status` and `description` are those of ADR-32's error headers. */
export class RequestFailedError extends ContrailError {
  readonly status: number
  readonly description: string
  /** `details` of the ReplyError; the issues of a request that is not valid; else undefined. */
  readonly details: unknown

  constructor(subject: string, status: number, description: string, details?: unknown) {
    super('REQUEST_FAILED', `The request to "${subject}" failed: ${description} (${status}).`)
    this.name = 'RequestFailedError'
    this.status = status
    this.description = description
    this.details = details
  }
}

/** Thrown by a handler of a request: what the one who asked gets to see. Other errors reach it as 500 with their message. */
export class ReplyError extends Error {
  readonly status: number
  /** More for the one who asked, as JSON. */
  readonly details: unknown

  constructor(status: number, description: string, options: ErrorOptions & { details?: unknown } = {}) {
    super(description, options)
    this.name = 'ReplyError'
    this.status = status
    this.details = options.details
  }
}

/** The text of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
