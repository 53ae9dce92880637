/**
 * Every error of the framework has a code from this table; its sentence says what happened and to whom, the hint what to
 * do next. docs/framework/errors.md is checked against it.
 */
export const ERROR_HINTS = {
  NOT_STARTED:
    'Call app.start() or app.run() first; what is needed earlier belongs into a hook of app.onStart.',
  ALREADY_STARTED: 'Make a new App to start again.',
  STOPPED: 'Do it before the stop, for example in a hook of app.onShutdown; make a new App to start again.',
  INVALID_OPTION: 'The docstring of the option, and docs/framework, say what it takes.',
  INVALID_NAME: 'Names and keys have no spaces, wildcards or dots at their ends; see the docs of NATS.',
  INVALID_SUBJECT: 'Subjects are tokens separated by dots; *, > and {name} may stand for tokens.',
  DUPLICATE_NAME: 'Give it a name of its own.',

  CANNOT_CONNECT:
    'Is a server running there? `contrail server` starts one; an App without a URL brings its own.',
  NOT_AUTHORIZED: 'See user, password, token or credentials of the broker, and the accounts of the server.',
  NOT_PERMITTED:
    'The user of the app may not publish or subscribe there; see the permissions of the account.',
  CANNOT_LISTEN: 'Take another port (0: any free one), or end what has it.',
  STORE_IN_USE: 'One process has a folder at a time: stop the other one, connect to it, or take another dir.',
  CANNOT_OPEN_STORE: 'The reason is of the file system, or of the key; nothing of the store was changed.',
  DISCONNECTED: 'The app reconnects by itself; publish again later, or allow a larger reconnectBuffer.',
  NO_JETSTREAM: 'Start the server with JetStream (`-js`), or use an account that has it.',
  SERVER_TIMEOUT: 'The server is busy, or a cluster without a leader: try again; see its log.',
  SERVER_REFUSED: 'The server says why; see its error code.',
  CLIENT_FAILED: 'The official client says why; see the cause.',

  STREAM_MISMATCH:
    "Change the declaration or the stream, or declare it with declare: 'ensure' to update the stream.",
  STREAM_MISSING: "Create the stream, or declare it with declare: 'ensure'.",
  STREAM_FIXED:
    'The server can’t change this: declare it as it is, or copy the messages into a stream of another name first.',
  SUBJECTS_OVERLAP: 'A subject belongs to one stream: give one of them other subjects.',
  WOULD_LOSE: "Declare it as it is, or with declare: 'allow-loss' if that may be lost.",
  CONSUMER_MISMATCH:
    "Change the declaration or the consumer, or declare it with declare: 'ensure' to update the consumer.",
  CONSUMER_MISSING: "Create the consumer, or declare it with declare: 'ensure'.",
  CONSUMER_FIXED: 'The server can’t change this: take another durable name, or remove the consumer first.',
  CONSUMERS_OVERLAP:
    'A message of a work queue belongs to one consumer: give consumers subjects that differ.',
  NOT_FOUND: 'It was never there, or it was removed.',
  LIMIT_REACHED: 'Raise the limit, or remove what is not needed any more.',

  SUBJECT_NOT_IN_STREAM:
    'Publish by the stream that keeps it or by app.publish, or give the stream this subject too.',
  NOBODY_LISTENS:
    'Correct the subject, declare who has it, or name it in `elsewhere` of the app if others do.',
  PUBLISH_REFUSED: 'The server says why; see its error code.',
  PUBLISH_TIMEOUT:
    'Whether the message was stored is not known; with an id it can be published again without a duplicate.',
  PUBLISH_BUFFER_FULL: 'Wait for earlier publications (await them) before publishing more.',
  MESSAGE_TOO_LARGE:
    'Raise max_payload of the server or maxMessageSize of the stream, or put the content into an object store.',
  WRONG_LAST_SEQUENCE: 'Somebody else published in between: read again, then decide.',
  KEY_EXISTS: 'put overwrites it; update changes what is there.',
  CONFLICT: 'Somebody else wrote the key every time; try again later, or allow more attempts.',
  NO_RESPONDERS:
    'Nobody listens there: a request needs a subscriber, a publication with an acknowledgement a stream.',
  REQUEST_TIMEOUT:
    'The handler may be slow, stuck, or one that only listens; give it more time, or `reply: true`.',
  REQUEST_FAILED: 'The handler of the request threw this.',
  INVALID_MESSAGE: 'The message does not have the form its handler declares.',
  JOB_FAILED: 'The reason is of its last try; it is with the dead letters of the queue.',
  JOB_REMOVED: 'Somebody removed it before it was handled.',
  JOB_TIMEOUT: 'It may be handled later: `wait` again, or give it more time.',
  FILE_FAILED:
    'The reason is of the file system: is the path right, and may the process read and write there?',
  ACK_NOT_CONFIRMED: 'Whether the server has the ack is not known; if not, the message comes again.',
} as const

export type ErrorCode = keyof typeof ERROR_HINTS

export interface ContrailErrorOptions extends ErrorOptions {
  /** Code of the server's answer (err_code of the JetStream API). */
  errorCode?: number
}

/** An error of the framework. `message` is the sentence and the hint in one. */
export class ContrailError extends Error {
  readonly code: ErrorCode
  /** The server's own code (err_code of the JetStream API), where it answered with one. */
  declare readonly errorCode: number | undefined

  constructor(code: ErrorCode, sentence: string, options?: ContrailErrorOptions) {
    super(`${sentence} ${ERROR_HINTS[code]}`, options)
    this.name = 'ContrailError'
    this.code = code
    if (options?.errorCode !== undefined) this.errorCode = options.errorCode
  }

  /** What to do next. Not a property of its own: it is in the message, which is printed with those. */
  get hint(): string {
    return ERROR_HINTS[this.code]
  }
}

/** A message that its handler's codec or schema refuses. */
export class InvalidMessageError extends ContrailError {
  /** What the schema found; empty when the codec could not read the bytes. */
  readonly issues: ReadonlyArray<{ readonly path: string; readonly message: string }>

  /** Subject, or key, of what is not valid. */
  readonly subject: string

  constructor(
    subject: string,
    sentence: string,
    issues: InvalidMessageError['issues'],
    options?: ErrorOptions,
  ) {
    super('INVALID_MESSAGE', sentence, options)
    this.name = 'InvalidMessageError'
    this.subject = subject
    this.issues = issues
  }
}

/**
 * A publication that the server answered with an error (an error of the JetStream API table). Its code is
 * WRONG_LAST_SEQUENCE, MESSAGE_TOO_LARGE, LIMIT_REACHED, or else PUBLISH_REFUSED.
 */
export class PublishRefusedError extends ContrailError {
  /** JetStream's error code (err_code), for example 10071: wrong last sequence. */
  declare readonly errorCode: number

  constructor(subject: string, errorCode: number, description: string) {
    const sentence = `Publishing to "${subject}" was refused: ${description} (${errorCode}).`
    const code = codeOfApi(errorCode, description)
    super(code === 'SERVER_REFUSED' ? 'PUBLISH_REFUSED' : code, sentence, { errorCode })
    this.name = 'PublishRefusedError'
  }
}

/** What an error code of the JetStream API is here. */
export function codeOfApi(errorCode: number, description: string): ErrorCode {
  return (
    API_CODES[errorCode] ??
    (/^(maximum|insufficient) /.test(description) ? 'LIMIT_REACHED' : 'SERVER_REFUSED')
  )
}

const API_CODES: Readonly<Record<number, ErrorCode>> = {
  10002: 'LIMIT_REACHED',
  10013: 'CONSUMER_MISMATCH',
  10014: 'CONSUMER_MISSING',
  10023: 'LIMIT_REACHED',
  10026: 'LIMIT_REACHED',
  10027: 'LIMIT_REACHED',
  10028: 'LIMIT_REACHED',
  10035: 'NO_JETSTREAM',
  10037: 'NOT_FOUND',
  10039: 'NO_JETSTREAM',
  10043: 'NOT_FOUND',
  10047: 'LIMIT_REACHED',
  10054: 'MESSAGE_TOO_LARGE',
  10058: 'STREAM_MISMATCH',
  10059: 'STREAM_MISSING',
  10065: 'SUBJECTS_OVERLAP',
  10070: 'WRONG_LAST_SEQUENCE',
  10071: 'WRONG_LAST_SEQUENCE',
  10076: 'NO_JETSTREAM',
  10097: 'MESSAGE_TOO_LARGE',
  10099: 'CONSUMERS_OVERLAP',
  10100: 'CONSUMERS_OVERLAP',
  10105: 'CONSUMER_MISMATCH',
  10122: 'LIMIT_REACHED',
  10148: 'CONSUMER_MISMATCH',
  10164: 'WRONG_LAST_SEQUENCE',
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

/** Thrown by a handler of a request: what the one who asked gets to see. Other errors reach it as 500, an internal error with an id. */
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
