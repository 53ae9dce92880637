/** Watches as clients have them: ordered push consumers with flow control, kept in memory. */
import { ask } from './api.ts'
import { isStatus } from './reply.ts'
import type { Wire } from './wire.ts'

const heartbeatNs = 5e9
const nothing = Buffer.alloc(0)
let watchers = 0

/** Resolves when the watch is there. What it is sent is taken and forgotten, flow control is answered. */
export async function watch(wire: Wire, stream: string, filter: string): Promise<void> {
  const inbox = `_INBOX.watch${watchers++}`
  wire.subscribe(inbox, (frame) => {
    if (!isStatus(frame) || frame.replyEnd === 0) return
    wire.output.publish(frame.bytes.toString('latin1', frame.replyStart, frame.replyEnd), nothing)
    wire.output.flush()
  })
  await ask(wire, `$JS.API.CONSUMER.CREATE.${stream}`, {
    stream_name: stream,
    config: {
      deliver_subject: inbox,
      filter_subject: filter,
      deliver_policy: 'last_per_subject',
      ack_policy: 'none',
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: heartbeatNs,
      mem_storage: true,
      num_replicas: 1,
    },
  })
}
