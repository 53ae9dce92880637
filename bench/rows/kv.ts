/** Key-value and object store. */
import { randomFillSync } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Row } from '../row.ts'
import { onServer, type Stage } from './on-server.ts'

const clients = 10
const keys = 20_000
const bucket = (stage: Stage) => `bucket-${stage.turn}`

const put: Row = {
  name: 'kv put, 10 clients, 128 B',
  how: 'nats bench kv put, a fresh bucket on file each round',
  contenders: ['contrail', 'default', 'always'],
  targets: [],
  open: (contest) =>
    onServer(contest, {
      messages: { contrail: 40_000, default: 40_000, always: 6_000 },
      sample: async (stage) => {
        await addBucket(stage, bucket(stage))
        return stage.bench.run(
          `kv put --bucket ${bucket(stage)} --clients ${clients} --msgs ${stage.messages}`,
        )
      },
      tidy: async (stage) => {
        await stage.admin.streams.delete(`KV_${bucket(stage)}`)
      },
    }),
}

const get: Row = {
  name: 'kv get, 10 clients, 128 B',
  how: 'nats bench kv get from a bucket of 20,000 keys',
  contenders: ['contrail', 'default'],
  targets: [],
  open: (contest) =>
    onServer(contest, {
      messages: 80_000,
      prepare: async (stage) => {
        await addBucket(stage, 'read')
        await stage.bench.run(`kv put --bucket read --clients ${clients} --msgs ${contest.count(keys)}`)
      },
      sample: ({ bench, messages }) => {
        const random = `--randomize ${Math.floor(contest.count(keys) / clients)}`
        return bench.run(`kv get --bucket read --clients ${clients} ${random} --msgs ${messages}`)
      },
    }),
}

function addBucket({ bench }: Stage, name: string): Promise<number> {
  return bench.cli(['kv', 'add', name, '--storage', 'file'])
}

const objectMiB = 100

/** `nats object put` or `get` of a file; a "message" here is a MiB. */
function object(direction: 'put' | 'get'): Row {
  return {
    name: `object ${direction}, 100 MiB`,
    how: `nats object ${direction} of one file of random bytes, the CLI's start included`,
    contenders: direction === 'put' ? ['contrail', 'default', 'always'] : ['contrail', 'default'],
    targets: [],
    open: (contest) =>
      onServer(contest, {
        messages: objectMiB * 8,
        prepare: async (stage) => {
          writeFileSync(join(stage.folder, 'blob'), randomFillSync(Buffer.allocUnsafe(objectMiB << 20)))
          await stage.bench.cli(['object', 'add', 'objects', '--storage', 'file'])
          if (direction === 'get') await putObject(stage, 'blob')
        },
        sample: async (stage) => {
          const seconds =
            direction === 'put' ? await putObject(stage, `o${stage.turn}`) : await getObject(stage)
          return { throughput: objectMiB / seconds, messages: objectMiB * 8 }
        },
        tidy: async (stage) => {
          if (direction === 'get') rmSync(join(stage.folder, 'copy'), { force: true })
          else await stage.bench.cli(['object', 'rm', 'objects', `o${stage.turn}`, '-f'])
        },
      }),
  }
}

function putObject({ bench, folder }: Stage, name: string): Promise<number> {
  return bench.cli(['object', 'put', 'objects', join(folder, 'blob'), '--name', name, '-f', '--no-progress'])
}

function getObject({ bench, folder }: Stage): Promise<number> {
  return bench.cli(['object', 'get', 'objects', 'blob', '-O', join(folder, 'copy'), '-f', '--no-progress'])
}

export const kvRows: Row[] = [put, get, object('put'), object('get')]
