/** Requests that only a cluster carries out: who is answered, and what. */
import { differential } from '../harness.ts'

const SUBJECTS = [
  'STREAM.PEER.REMOVE.S',
  'STREAM.PEER.EVACUATE.S',
  'STREAM.CANCEL_MOVE.S',
  'STREAM.LEADER.STEPDOWN.S',
  'STREAM.LEADER.STEPDOWN.NONE',
  'CONSUMER.LEADER.STEPDOWN.S.C',
  'CONSUMER.PEER.EVACUATE.S.C',
  'META.LEADER.STEPDOWN',
  'META.RESCUE',
  'SERVER.REMOVE',
  'SERVER.EVACUATE',
  'ACCOUNT.PURGE.A',
  'ACCOUNT.STREAM.MOVE.A.S',
  'ACCOUNT.STREAM.CANCEL_MOVE.A.S',
]

for (const body of ['', '{}', '{bad', '{"peer":"x"}'])
  differential(`requests of a cluster with ${JSON.stringify(body)}`, async (s) => {
    await s.quietly('$JS.API.STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
    const sid = await s.subscribe('answer.>')
    for (const subject of SUBJECTS) await s.publish(`$JS.API.${subject}`, body, '', `answer.${subject}`)
    const came = await s.take(sid, 700, SUBJECTS.length)
    s.note('answers', came.map(({ subject, body: answer }) => `${subject} ${JSON.stringify(answer)}`).sort())
  })
