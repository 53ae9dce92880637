/**
 * `contrail/opentelemetry`: traces and metrics of an app, by the SDK that the program has set up. Needs `@opentelemetry/api`.
 */
export { type FiguresOptions, observe } from './figures.ts'
export { type MetricsOptions, metrics } from './metrics.ts'
export { contextOf } from './propagation.ts'
export { type TracingOptions, tracing } from './tracing.ts'
