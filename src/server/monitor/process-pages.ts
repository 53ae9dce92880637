/** /stacksz and /debug/vars: the process behind the server, in Node's terms. */
import { getHeapStatistics } from 'node:v8'
import { programName } from '../program.ts'
import { goJson } from './go-text.ts'

const STACK_LINES = 50

/**
 * What the process does at this moment: its one thread answers this request, so that what is shown besides is what it waits
 * for.
 */
export function stacksz(): string {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = STACK_LINES
  const stack = (new Error().stack ?? '').split('\n').slice(1)
  Error.stackTraceLimit = limit
  const waiting = new Map<string, number>()
  for (const each of process.getActiveResourcesInfo()) waiting.set(each, (waiting.get(each) ?? 0) + 1)
  const lines = [...waiting].map(([kind, count]) => `    ${kind}: ${count}`)
  return ['main thread [running]:', ...stack, '', 'waited for:', ...lines, ''].join('\n')
}

/** The names of Go's expvar, as far as they mean something here. Without the command line's secrets. */
export function debugVars(): string {
  const { heapUsed, heapTotal, rss, external } = process.memoryUsage()
  const { total_available_size, malloced_memory, number_of_native_contexts } = getHeapStatistics()
  return goJson({
    cmdline: [programName],
    memstats: {
      Alloc: heapUsed,
      Sys: rss,
      HeapAlloc: heapUsed,
      HeapSys: heapTotal,
      HeapInuse: heapUsed,
      HeapIdle: heapTotal - heapUsed,
      OtherSys: external + malloced_memory,
      NextGC: total_available_size,
    },
    node: { version: process.version, contexts: number_of_native_contexts },
  })
}
