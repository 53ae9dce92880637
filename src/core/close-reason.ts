/** Why connections end: the texts of nats-server, as logs and monitoring show them. */
export const CloseReason = {
  clientClosed: 'Client Closed',
  authenticationTimeout: 'Authentication Timeout',
  authenticationFailure: 'Authentication Failure',
  badClientProtocol: 'Bad Client Protocol Version',
  maxConnections: 'Maximum Connections Exceeded',
  maxPayload: 'Maximum Message Payload Exceeded',
  maxControlLine: 'Maximum Control Line Exceeded',
  noRespondersRequiresHeaders: 'No Responders Requires Headers',
  parseError: 'Parse Error',
  protocolViolation: 'Protocol Violation',
  readError: 'Read Error',
  serverShutdown: 'Server Shutdown',
  slowConsumerPending: 'Slow Consumer (Pending Bytes)',
  slowConsumerDeadline: 'Slow Consumer (Write Deadline)',
  staleConnection: 'Stale Connection',
  writeError: 'Write Error',
} as const
