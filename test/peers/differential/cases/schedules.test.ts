import { differential } from '../harness.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const lines = (...headers: string[]) => headers.join('\r\n')
const later = 'Nats-Schedule: @at 2099-01-01T00:00:00Z'

differential('the configuration of schedules', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], allow_msg_schedules: true })
  await s.api('STREAM.CREATE.T', { name: 'T', subjects: ['t.>'], allow_msg_schedules: true, discard: 'new' })
  await s.api('STREAM.CREATE.U', {
    name: 'U',
    subjects: ['u.>'],
    allow_msg_schedules: true,
    deny_purge: true,
  })
  await s.api('STREAM.CREATE.V', { name: 'V', subjects: ['v.>'], allow_msg_schedules: true, pedantic: true })
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.>'] })
  await s.api('STREAM.CREATE.W', { name: 'W', subjects: ['w.>'] })
  await s.api('STREAM.UPDATE.W', { name: 'W', subjects: ['w.>'], allow_msg_schedules: true })
  await s.api('STREAM.CREATE.M', { name: 'M', mirror: { name: 'S' }, allow_msg_schedules: true })
})

const BAD: Record<string, string[]> = {
  'no target': [later],
  'an empty target': [later, 'Nats-Schedule-Target: '],
  'a wildcard target': [later, 'Nats-Schedule-Target: s.*'],
  'its own subject as target': [later, 'Nats-Schedule-Target: s.a'],
  'a target outside of the stream': [later, 'Nats-Schedule-Target: other'],
  'no pattern': ['Nats-Schedule: often', 'Nats-Schedule-Target: s.b'],
  'an empty pattern': ['Nats-Schedule: ', 'Nats-Schedule-Target: s.b'],
  'five fields': ['Nats-Schedule: * * * * *', 'Nats-Schedule-Target: s.b'],
  'seven fields': ['Nats-Schedule: * * * * * * *', 'Nats-Schedule-Target: s.b'],
  'a second of 60': ['Nats-Schedule: 60 * * * * *', 'Nats-Schedule-Target: s.b'],
  'a weekday of 7': ['Nats-Schedule: 0 0 0 * * 7', 'Nats-Schedule-Target: s.b'],
  'a day that never comes': ['Nats-Schedule: 0 0 0 31 2 *', 'Nats-Schedule-Target: s.b'],
  'no time': ['Nats-Schedule: @at tomorrow', 'Nats-Schedule-Target: s.b'],
  'a date': ['Nats-Schedule: @at 2099-01-01', 'Nats-Schedule-Target: s.b'],
  'a day that is none': ['Nats-Schedule: @at 2099-02-30T00:00:00Z', 'Nats-Schedule-Target: s.b'],
  'a short interval': ['Nats-Schedule: @every 999ms', 'Nats-Schedule-Target: s.b'],
  'no interval': ['Nats-Schedule: @every day', 'Nats-Schedule-Target: s.b'],
  'a zone for a time': [later, 'Nats-Schedule-Target: s.b', 'Nats-Schedule-Time-Zone: UTC'],
  'a zone for an interval': [
    'Nats-Schedule: @every 1h',
    'Nats-Schedule-Target: s.b',
    'Nats-Schedule-Time-Zone: UTC',
  ],
  'an unknown zone': [
    'Nats-Schedule: @daily',
    'Nats-Schedule-Target: s.b',
    'Nats-Schedule-Time-Zone: Mars/Olympus',
  ],
  'an offset as zone': [
    'Nats-Schedule: @daily',
    'Nats-Schedule-Target: s.b',
    'Nats-Schedule-Time-Zone: +02:00',
  ],
  'an empty zone': ['Nats-Schedule: @daily', 'Nats-Schedule-Target: s.b', 'Nats-Schedule-Time-Zone: '],
  'a bad time to live': [later, 'Nats-Schedule-Target: s.b', 'Nats-Schedule-TTL: x'],
  'a time to live where there are none': [later, 'Nats-Schedule-Target: s.b', 'Nats-Schedule-TTL: 5s'],
  'a roll-up of all': [later, 'Nats-Schedule-Target: s.b', 'Nats-Schedule-Rollup: all'],
  'a roll-up of its own of all': [later, 'Nats-Schedule-Target: s.b', 'Nats-Rollup: all'],
  'the target as source': [later, 'Nats-Schedule-Target: s.b', 'Nats-Schedule-Source: s.b'],
  'a wildcard source': [later, 'Nats-Schedule-Target: s.b', 'Nats-Schedule-Source: s.>'],
  'a source outside of the stream': [later, 'Nats-Schedule-Target: s.b', 'Nats-Schedule-Source: other'],
  'a next turn': ['Nats-Schedule-Next: 2099-01-01T00:00:00Z', 'Nats-Scheduler: s.x'],
  'an end of nothing named': ['Nats-Schedule-Next: purge'],
  'an end of itself': ['Nats-Schedule-Next: purge', 'Nats-Scheduler: s.a'],
  'an end of many': ['Nats-Schedule-Next: purge', 'Nats-Scheduler: s.*'],
  'an end of what is not there': ['Nats-Schedule-Next: purge', 'Nats-Scheduler: s.none'],
  'a scheduler alone': ['Nats-Scheduler: s.x'],
}

for (const isAllowed of [true, false]) {
  differential(`bad schedules, ${isAllowed ? 'allowed' : 'not allowed'}`, async (s) => {
    await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], allow_msg_schedules: isAllowed })
    for (const headers of Object.values(BAD)) await s.request('s.a', 'body', lines(...headers))
    await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  })
}

differential('an end of what is no schedule is refused', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], allow_msg_schedules: true })
  await s.request('s.plain', 'x')
  await s.request('s.a', 'body', lines('Nats-Schedule-Next: purge', 'Nats-Scheduler: s.plain'))
  await s.request('s.plan', 'x', lines(later, 'Nats-Schedule-Target: s.b'))
  await s.request('s.a', 'body', lines('Nats-Schedule-Next: purge', 'Nats-Scheduler: s.plan'))
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
})

differential('a schedule is stored as the last of its subject', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], allow_msg_schedules: true })
  await s.request('s.plan', 'one', lines(later, 'Nats-Schedule-Target: s.b'))
  await s.request('s.plan', 'two', lines(later, 'Nats-Schedule-Target: s.b', 'Nats-Rollup: sub', 'Own: x'))
  await s.request('s.plan', 'three', lines(later, 'Nats-Schedule-Target: s.b', 'Own: x'))
  await s.api('STREAM.MSG.GET.S', { seq: 3 })
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
})

differential('what is published at its time', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*', 'out.*'],
    allow_msg_schedules: true,
    allow_msg_ttl: true,
  })
  const past = 'Nats-Schedule: @at 2020-01-01T00:00:00Z'
  await s.request('s.one', 'one', lines(past, 'Nats-Schedule-Target: out.one', 'Own: x', 'Nats-Msg-Id: id'))
  await pause(700)
  await s.api('STREAM.MSG.GET.S', { last_by_subj: 'out.one' })
  await s.request('out.src', 'source', 'From: source')
  await s.request(
    's.two',
    'two',
    lines(
      past,
      'Nats-Schedule-Target: out.two',
      'Nats-Schedule-Source: out.src',
      'Nats-Schedule-TTL: 1h',
      'Nats-Schedule-Rollup: sub',
      'Own: x',
    ),
  )
  await pause(700)
  await s.api('STREAM.MSG.GET.S', { last_by_subj: 'out.two' })
  await s.request(
    's.three',
    '',
    lines(past, 'Nats-Schedule-Target: out.three', 'Nats-Schedule-Source: out.none'),
  )
  await pause(700)
  await s.api('STREAM.MSG.GET.S', { last_by_subj: 'out.three' })
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
})

differential('schedules in an atomic batch', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    allow_msg_schedules: true,
    allow_atomic: true,
  })
  await s.request(
    's.one',
    'one',
    lines(later, 'Nats-Schedule-Target: s.b', 'Nats-Batch-Id: b', 'Nats-Batch-Sequence: 1'),
  )
  await s.request('s.two', 'two', lines('Nats-Batch-Id: b', 'Nats-Batch-Sequence: 2', 'Nats-Batch-Commit: 1'))
  await s.api('STREAM.MSG.GET.S', { seq: 1 })
  await s.request('s.one', 'one', lines(later, 'Nats-Batch-Id: c', 'Nats-Batch-Sequence: 1'))
  await s.request('s.two', 'two', lines('Nats-Batch-Id: c', 'Nats-Batch-Sequence: 2', 'Nats-Batch-Commit: 1'))
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
})
