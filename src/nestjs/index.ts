/** `contrail/nestjs`: a transport of NestJS microservices on an app. */
export { ContrailClient, ContrailRecord } from './client.ts'
export { ContrailContext } from './context.ts'
export { ContrailFilter } from './filter.ts'
export { ContrailTransport, type CoreExtras, type StreamExtras, type TransportOptions } from './transport.ts'
