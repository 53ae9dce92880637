/** Direct gets: one message, batches, several subjects, and their statuses. */
import { differential, type Session } from '../harness.ts'

async function filled(s: Session): Promise<void> {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], allow_direct: true })
  for (let i = 1; i <= 12; i++)
    await s.quietly(`s.${'abc'[i % 3]}.${i % 2}`, `message ${i}`, i % 4 === 0 ? 'H: v' : '')
  await s.api('STREAM.MSG.DELETE.S', { seq: 5 })
}

const REQUESTS: Record<string, [request: unknown, answers: number]> = {
  'the first three': [{ seq: 1, batch: 3 }, 4],
  'from a deleted one': [{ seq: 5, batch: 2 }, 3],
  'more than there are': [{ seq: 10, batch: 9 }, 4],
  'beyond the end': [{ seq: 50, batch: 2 }, 1],
  'with a filter': [{ seq: 1, batch: 10, next_by_subj: 's.a.*' }, 6],
  'with a filter that nothing matches': [{ seq: 1, batch: 10, next_by_subj: 's.x' }, 1],
  'with a filter and no start': [{ batch: 2, next_by_subj: 's.b.>' }, 3],
  'with bytes': [{ seq: 1, batch: 10, max_bytes: 100 }, 6],
  'with few bytes': [{ seq: 1, batch: 10, max_bytes: 1 }, 3],
  'a batch of zero': [{ seq: 1, batch: 0 }, 1],
  'a negative batch': [{ seq: 1, batch: -1 }, 2],
  'a batch with nothing else': [{ batch: 3 }, 4],
  'from a time': [{ start_time: '2020-01-01T00:00:00Z', batch: 2 }, 3],
  'from a time to come': [{ start_time: '2100-01-01T00:00:00Z', batch: 2 }, 1],
  'a time and a sequence': [{ seq: 1, start_time: '2020-01-01T00:00:00Z', batch: 2 }, 1],
  'last of several': [{ multi_last: ['s.a.*', 's.b.0'] }, 4],
  'last of all': [{ multi_last: ['s.>'] }, 8],
  'last up to a sequence': [{ multi_last: ['s.>'], up_to_seq: 4 }, 6],
  'last up to a time': [{ multi_last: ['s.>'], up_to_time: '2100-01-01T00:00:00Z' }, 8],
  'last up to a time before': [{ multi_last: ['s.>'], up_to_time: '2020-01-01T00:00:00Z' }, 1],
  'last with a batch': [{ multi_last: ['s.>'], batch: 2 }, 4],
  'last with bytes': [{ multi_last: ['s.>'], max_bytes: 60 }, 4],
  'last of nothing': [{ multi_last: ['x'] }, 1],
  'last of nothing at all': [{ multi_last: [] }, 1],
  'last with an invalid subject': [{ multi_last: ['s..a'] }, 1],
  'both bounds': [{ multi_last: ['s.>'], up_to_seq: 4, up_to_time: '2100-01-01T00:00:00Z' }, 1],
  'last from a sequence': [{ multi_last: ['s.>'], seq: 8 }, 7],
  'last by subject with a batch': [{ last_by_subj: 's.a.0', batch: 2 }, 2],
  'everything at once': [{ seq: 1, last_by_subj: 's.a.0', next_by_subj: 's.b.0' }, 1],
  'next from a sequence': [{ seq: 4, next_by_subj: 's.a.*' }, 1],
  'next, literally': [{ next_by_subj: 's.a.0' }, 1],
  'an unknown field': [{ seq: 1, foo: 1 }, 1],
  'a wrong type': [{ seq: '1' }, 1],
  'a negative sequence': [{ seq: -1 }, 1],
  'no header': [{ seq: 4, no_hdr: true }, 1],
  'a number': [4, 1],
  'no JSON': ['{', 1],
  nothing: ['', 1],
}

for (const [name, [request, answers]] of Object.entries(REQUESTS)) {
  differential(`direct get: ${name}`, async (s) => {
    await filled(s)
    // One more than there should be: nothing may come after.
    await s.requestMany('$JS.API.DIRECT.GET.S', request, answers + 1, 400)
  })
}

differential('direct get by subject in the subject', async (s) => {
  await filled(s)
  for (const subject of ['s.a.0', 's.a.1', 's.x', 's.*', 's.>', 's', 's..a']) {
    await s.request(`$JS.API.DIRECT.GET.S.${subject}`)
  }
  await s.request('$JS.API.DIRECT.GET.S.s.a.0', { seq: 1 })
  await s.request('$JS.API.DIRECT.GET.NONE', { seq: 1 })
  await s.request('$JS.API.DIRECT.GET')
})
