/** The floor of a synchronous durable publish: what one commit costs without any server. */
import { closeSync, constants, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { settleDisk } from '../drive/settle.ts'
import type { Contest, Runner } from '../row.ts'
import { removeFolder, temporaryFolder } from '../servers/ending.ts'

const blockBytes = 4096
const fileBytes = 16 << 20
const commits = 2000

export async function bareCommit(contest: Contest): Promise<Runner> {
  const folder = temporaryFolder('commit')
  const path = join(folder, 'journal')
  layOut(path)
  const dsync = constants.O_DSYNC ?? constants.O_SYNC ?? 0
  const file = openSync(path, constants.O_WRONLY | dsync)
  const block = Buffer.alloc(blockBytes, 0x61)
  return {
    sample: async () => {
      settleDisk()
      const times: number[] = []
      const rounds = contest.count(commits)
      for (let i = 0; i < rounds; i++) {
        const begun = performance.now()
        writeSync(file, block, 0, blockBytes, (i * blockBytes) % fileBytes)
        times.push((performance.now() - begun) * 1000)
      }
      times.sort((a, b) => a - b)
      const mean = times.reduce((sum, time) => sum + time, 0) / rounds
      return { perMessage: mean, p50: times[rounds >> 1], p99: times[Math.floor(rounds * 0.99)] }
    },
    close: async () => {
      closeSync(file)
      removeFolder(folder)
    },
  }
}

/** Zeros written and synced, so that a commit changes no size and no block map. */
function layOut(path: string): void {
  const file = openSync(path, 'w')
  const zeros = Buffer.alloc(1 << 20)
  for (let at = 0; at < fileBytes; at += zeros.length) writeSync(file, zeros, 0, zeros.length, at)
  fsyncSync(file)
  closeSync(file)
}
