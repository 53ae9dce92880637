/** Many connections at once, a few at a time, so that the server's queue of them isn't what is measured. */
import type { Stage } from '../load/stage.ts'
import type { Wire } from '../load/wire.ts'

const atOnce = 50

/** Connections that have subscribed to `idle.NUMBER`. */
export async function openConnections(stage: Stage, count: number): Promise<Wire[]> {
  const wires: Wire[] = []
  while (wires.length < count) {
    const some = Array.from({ length: Math.min(atOnce, count - wires.length) }, () => stage.open())
    for (const wire of await Promise.all(some)) {
      wire.subscribe(`idle.${wires.length}`, () => {})
      wires.push(wire)
    }
  }
  for (const wire of wires) wire.output.flush()
  return wires
}
