/** Validation by any Standard Schema: zod, valibot, arktype and others (https://standardschema.dev). */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InvalidMessageError } from './errors.ts'

export type Schema = StandardSchemaV1

/** What comes out of a schema. */
export type Output<S> = S extends StandardSchemaV1<unknown, infer T> ? T : unknown
/** What goes into a schema. */
export type Input<S> = S extends StandardSchemaV1<infer T, unknown> ? T : unknown

/**
 * The value as the schema gives it back; a promise only where the schema is asynchronous.
 * @throws InvalidMessageError with every issue the schema found
 */
export function validate(schema: Schema, value: unknown, subject: string): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) return result.then((settled) => take(settled, subject))
  return take(result, subject)
}

function take(result: StandardSchemaV1.Result<unknown>, subject: string): unknown {
  if (result.issues === undefined) return result.value
  const issues = result.issues.map((issue) => ({
    path: (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.'),
    message: issue.message,
  }))
  const list = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  throw new InvalidMessageError(subject, `The message on "${subject}" is not valid: ${list}.`, issues)
}
