/** The ways a client can break the protocol: what it is told, what the log says, and why it was closed. */
export interface ProtocolFailure {
  /** Text of the -ERR; '' when nothing is sent. */
  readonly text: string
  /** For the log. */
  readonly reason: string
  /** As in the closed connections of monitoring. */
  readonly closeReason: string
}

const PROTOCOL_VIOLATION = 'Protocol Violation'
/** Bytes of the offending input that the log shows. */
const SNIPPET_BYTES = 32

function snippet(buffer: Buffer, start: number, end: number): string {
  return JSON.stringify(buffer.toString('latin1', start, Math.min(end, start + SNIPPET_BYTES)))
}

export function unknownOperation(buffer: Buffer, start: number, end: number): ProtocolFailure {
  return {
    text: 'Unknown Protocol Operation',
    reason: `Client parser ERROR: proto='${snippet(buffer, start, end)}...'`,
    closeReason: PROTOCOL_VIOLATION,
  }
}

export function controlLineTooLong(limitBytes: number, length: number): ProtocolFailure {
  return {
    text: 'maximum control line exceeded',
    reason: `maximum control line exceeded: max_control_line ${limitBytes}, Buffer len ${length}`,
    closeReason: 'Maximum Control Line Exceeded',
  }
}

/** Wrong arguments: the connection is closed without a word. */
export function badArguments(what: string, line: Buffer, start: number, end: number): ProtocolFailure {
  return { text: '', reason: `${what}: ${snippet(line, start, end)}`, closeReason: PROTOCOL_VIOLATION }
}

export function headersNotSupported(): ProtocolFailure {
  return { text: '', reason: 'message headers not supported', closeReason: PROTOCOL_VIOLATION }
}

/** What swells when it is unpacked is no longer held back by the transport. */
export function tooMuchHeld(length: number): ProtocolFailure {
  return {
    text: '',
    reason: `${length} bytes came before the login was decided`,
    closeReason: PROTOCOL_VIOLATION,
  }
}

/** The client sent -ERR. */
export function clientError(text: string): ProtocolFailure {
  return { text: '', reason: `Client Error ${text}`, closeReason: 'Parse Error' }
}

/** The client sent an INFO that is no JSON object. */
export function badInfo(): ProtocolFailure {
  return { text: '', reason: 'Client INFO is no JSON object', closeReason: 'Protocol Violation' }
}
