/** Jobs by the clock that an app no longer declares: their schedules would go on for ever. */
import type { ConsumerInfo } from '@nats-io/jetstream'
import { reasonOf } from '../errors.ts'
import { scheduleSubject } from '../publisher/schedule.ts'
import type { Runtime } from '../runtime.ts'
import { CRON_STREAM, JOB, PROGRAM } from './cron.ts'
import { DECLARED_BY } from './declaring.ts'

/** While an app of an older version still works on one it is looked at again. */
const AGAIN_MS = 60_000

/**
 * Removes those of this app and this program that are not declared and that nobody works on. Others' are left alone.
 * @param declared names of the jobs of the app
 * @returns what ends looking again
 */
export async function removeStaleJobs(
  runtime: Runtime,
  declared: ReadonlySet<string>,
  againMs = AGAIN_MS,
): Promise<() => void> {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const look = async () => {
    timer = undefined
    const stale = await staleJobs(runtime, declared).catch((thrown) => {
      runtime.log.debug(
        { err: thrown },
        `jobs that are not declared any more can't be looked for: ${reasonOf(thrown)}`,
      )
      return []
    })
    for (const info of stale) {
      if (isOver) return
      if (info.num_waiting > 0) {
        timer ??= setTimeout(() => void look(), againMs).unref()
        continue
      }
      await remove(runtime, info)
    }
  }
  await look()
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}

async function staleJobs(runtime: Runtime, declared: ReadonlySet<string>): Promise<ConsumerInfo[]> {
  const { app, program } = runtime.declarer
  const stale: ConsumerInfo[] = []
  for await (const info of runtime.jsm.consumers.list(CRON_STREAM)) {
    const { [DECLARED_BY]: ofApp, [PROGRAM]: ofProgram, [JOB]: job } = info.config.metadata ?? {}
    const isOurs = ofApp === app && ofProgram === program
    if (isOurs && job !== undefined && !declared.has(job)) stale.push(info)
  }
  return stale
}

async function remove({ jsm, log }: Runtime, { name, config }: ConsumerInfo): Promise<void> {
  const job = config.metadata?.[JOB]
  try {
    await jsm.streams.purge(CRON_STREAM, { filter: scheduleSubject(CRON_STREAM, name) })
    await jsm.consumers.delete(CRON_STREAM, name)
    log.info({ job }, 'the app no longer declares this job: it is removed')
  } catch (err) {
    log.warn({ err, job }, 'the app no longer declares this job, but it could not be removed')
  }
}
