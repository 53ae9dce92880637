/** Axes with one operation of their own: streams published to, wildcard subscriptions, fan-out. */
import { sleep } from '../../servers/server-process.ts'
import { type Pumped, pump } from '../load/pump.ts'
import { randoms } from '../load/random.ts'
import type { Stage } from '../load/stage.ts'
import { createStreams } from '../load/streams.ts'
import type { Wire } from '../load/wire.ts'
import type { Axis } from './axes.ts'
import { openConnections } from './connections.ts'
import { payload } from './ground.ts'

const seconds = 0.5
const restMs = 500
const manyInFlight = 500
/** Deliveries on their way at any time, whatever the fan-out. */
const deliveriesInFlight = 5000

/** Deliveries are what counts: a window of them is kept full. */
function deliverAll(
  stage: Stage,
  receivers: Wire[],
  each: number,
  send: (wire: Wire, i: number) => void,
): Promise<Pumped> {
  const { wire } = stage
  return new Promise((resolve, reject) => {
    const begunMs = performance.now()
    const limitMs = stage.seconds(seconds) * 1000
    const window = Math.max(1, Math.floor(deliveriesInFlight / each))
    let published = 0
    const step = () => {
      const done = received.count
      const now = performance.now()
      if (now - begunMs > limitMs) {
        if (done >= published * each) {
          const took = (now - begunMs) / 1000
          for (const receiver of receivers) receiver.afterChunk.delete(step)
          clearTimeout(cut)
          resolve({ done, seconds: took, rate: done / took, stallMs: Number.NaN })
        }
        return
      }
      while (published * each - done < window * each) send(wire, published++)
      wire.output.flush()
    }
    const cut = setTimeout(() => {
      for (const receiver of receivers) receiver.afterChunk.delete(step)
      reject(new Error(`${received.count} of ${published * each} deliveries came in time`))
    }, 60_000)
    received.count = 0
    for (const receiver of receivers) receiver.afterChunk.add(step)
    step()
  })
}

const received = { count: 0 }
const onFrame = () => {
  received.count++
}

const streamsPublishedTo: Axis = {
  name: 'streams published to',
  how: 'publishing to so many streams in turns, 500 in flight',
  sizes: [1, 10, 100, 1000, 3000],
  load: (planned) => async (stage) => {
    const size = stage.count(planned)
    const { wire } = stage
    await createStreams(wire, 0, size)
    return async () => {
      const { rate } = await pump(wire, {
        inFlight: manyInFlight,
        seconds: stage.seconds(seconds),
        send: (i, inbox) => wire.output.publish(`many.${i % size}.x`, payload, inbox),
      })
      return { publish: rate, resident: stage.residentMiB() }
    }
  },
}

const wildcardSubscriptions: Axis = {
  name: 'wildcard subscriptions',
  how: 'core publishing to subjects of which each is taken by one of so many subscriptions with a wildcard, all of one connection; deliveries',
  sizes: [1, 10, 100, 1000, 10_000, 100_000, 200_000],
  load: (planned) => async (stage) => {
    const size = stage.count(planned)
    const receiver = await stage.open()
    for (let i = 0; i < size; i++) receiver.subscribe(`wild.${i}.*`, onFrame)
    await receiver.settled()
    await sleep(restMs)
    const random = randoms()
    return async () => {
      const { rate } = await deliverAll(stage, [receiver], 1, (wire) =>
        wire.output.publish(`wild.${random(size)}.x`, payload),
      )
      return { deliver: rate, resident: stage.residentMiB() }
    }
  },
}

const fanOut: Axis = {
  name: 'fan-out',
  how: 'core publishing to one subject that so many connections have subscribed to; deliveries',
  sizes: [1, 10, 100, 1000],
  load: (planned) => async (stage) => {
    const receivers = await openConnections(stage, stage.count(planned))
    for (const receiver of receivers) receiver.subscribe('fan', onFrame)
    await Promise.all(receivers.map((receiver) => receiver.settled()))
    return async () => {
      const { rate } = await deliverAll(stage, receivers, receivers.length, (wire) =>
        wire.output.publish('fan', payload),
      )
      return { deliver: rate, resident: stage.residentMiB() }
    }
  },
}

export const wideAxes: readonly Axis[] = [streamsPublishedTo, wildcardSubscriptions, fanOut]
