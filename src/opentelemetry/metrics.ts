/** OpenTelemetry's metrics for messaging. */
import { type Attributes, metrics as api, type MeterProvider } from '@opentelemetry/api'
import type { Around } from '../app/index.ts'
import {
  ATTRIBUTES,
  errorTypeOf,
  type Handling,
  handlerAttributes,
  publicationAttributes,
} from './attributes.ts'

export interface MetricsOptions {
  /** Default: the program's (`metrics.getMeterProvider()`), as it is when the app is declared. */
  meterProvider?: MeterProvider
  /**
   * Publications to subjects without a template have their subject for one. Only for subjects of which there are few: each
   * makes a series of its own. Default: false.
   */
  subjects?: boolean
}

const METER = 'contrail'
const MS_PER_SECOND = 1000
/** The boundaries that the conventions recommend, in seconds. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/**
 * Middleware that counts and measures: `app.use(metrics())`. Instruments: `messaging.client.sent.messages`,
 * `messaging.client.operation.duration`, `messaging.client.consumed.messages`, `messaging.process.duration`.
 */
export function metrics(options: MetricsOptions = {}): Around {
  const meter = (options.meterProvider ?? api.getMeterProvider()).getMeter(METER)
  const advice = { explicitBucketBoundaries: BOUNDARIES }
  const sent = meter.createCounter('messaging.client.sent.messages', {
    description: 'Messages that the producer tried to send',
    unit: '{message}',
  })
  const operations = meter.createHistogram('messaging.client.operation.duration', {
    description: 'Duration of publishing, with the acknowledgement or answer where there is one',
    unit: 's',
    advice,
  })
  const consumed = meter.createCounter('messaging.client.consumed.messages', {
    description: 'Messages that were delivered to the application',
    unit: '{message}',
  })
  const processed = meter.createHistogram('messaging.process.duration', {
    description: 'Duration of processing a message or a batch',
    unit: 's',
    advice,
  })
  return {
    publish: (outgoing, next) => {
      const attributes = publicationAttributes(outgoing)
      const destination = outgoing.options.template ?? (options.subjects ? outgoing.subject : undefined)
      if (destination !== undefined) attributes[ATTRIBUTES.destination] = destination
      return measured(next, attributes, (seconds) => {
        sent.add(1, attributes)
        operations.record(seconds, attributes)
      })
    },
    handle: (context, next) => {
      const handling = context as Handling
      const attributes = { ...handlerAttributes(handling) }
      attributes[ATTRIBUTES.destination] = attributes[ATTRIBUTES.template]
      return measured(next, attributes, (seconds) => {
        consumed.add(handling.messages.length, attributes)
        processed.record(seconds, attributes)
      })
    },
  }
}

/** Runs it, and records how long it took; `error.type` is among the attributes when it throws. */
async function measured<T>(
  run: () => Promise<T>,
  attributes: Attributes,
  record: (seconds: number) => void,
): Promise<T> {
  const begun = performance.now()
  try {
    return await run()
  } catch (thrown) {
    attributes[ATTRIBUTES.errorType] = errorTypeOf(thrown)
    throw thrown
  } finally {
    record((performance.now() - begun) / MS_PER_SECOND)
  }
}
