/** `contrail docs` loads an app to write down what it is: it is described where it would start. */
import { writeFileSync } from 'node:fs'
import { type AsyncApiOptions, asyncApi, type DescribedApp } from './asyncapi.ts'

/** Path of the file that the description goes to; set by `contrail docs` for the process it starts. */
export const DESCRIBE_TO = 'CONTRAIL_DESCRIBE_TO'
/** Options of the document, as JSON. */
export const DESCRIBE_AS = 'CONTRAIL_DESCRIBE_AS'

/** Ends the process with the description written, where that is what it was started for. */
export function describeInstead(app: DescribedApp): void {
  const path = process.env[DESCRIBE_TO]
  if (!path) return
  const options = JSON.parse(process.env[DESCRIBE_AS] || '{}') as AsyncApiOptions
  writeFileSync(path, JSON.stringify(asyncApi(app, options), null, 2))
  process.exit(0)
}
