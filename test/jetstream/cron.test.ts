import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextTurn, parseCron } from '../../src/jetstream/schedules/cron.ts'
import { parsePattern, turnAfter, turnText } from '../../src/jetstream/schedules/pattern.ts'
import { TimeZone } from '../../src/jetstream/schedules/time-zone.ts'

function turns(text: string, from: string, count: number, zone = 'UTC'): string[] {
  const cron = parseCron(text)
  const where = TimeZone.named(zone)
  assert.ok(cron !== null && where !== null)
  const found: string[] = []
  let at: number | null = Date.parse(from)
  for (let i = 0; i < count; i++) {
    at = nextTurn(cron, at, where)
    if (at === null) break
    found.push(new Date(at).toISOString().slice(0, 19))
  }
  return found
}

test('a turn is the next second that fits every field', () => {
  const at = '2026-02-27T23:59:58.500Z'
  assert.deepEqual(turns('* * * * * *', at, 2), ['2026-02-27T23:59:59', '2026-02-28T00:00:00'])
  assert.deepEqual(turns('*/20 * * * * *', at, 3), [
    '2026-02-28T00:00:00',
    '2026-02-28T00:00:20',
    '2026-02-28T00:00:40',
  ])
  assert.deepEqual(turns('0 30 4 1,15 * *', at, 2), ['2026-03-01T04:30:00', '2026-03-15T04:30:00'])
  assert.deepEqual(turns('0 0 0 29 2 *', at, 1), ['2028-02-29T00:00:00'])
  assert.deepEqual(turns('5 10/20 8-9 * jan-mar *', at, 4), [
    '2026-02-28T08:10:05',
    '2026-02-28T08:30:05',
    '2026-02-28T08:50:05',
    '2026-02-28T09:10:05',
  ])
  assert.deepEqual(turns('@yearly', at, 1), ['2027-01-01T00:00:00'])
  assert.deepEqual(turns('@weekly', at, 1), ['2026-03-01T00:00:00'])
  assert.deepEqual(turns('@hourly', at, 1), ['2026-02-28T00:00:00'])
})

test('where both the day of the month and the weekday are named, either will do', () => {
  assert.deepEqual(turns('0 0 12 1 * mon', '2026-06-01T12:00:00Z', 3), [
    '2026-06-08T12:00:00',
    '2026-06-15T12:00:00',
    '2026-06-22T12:00:00',
  ])
  assert.deepEqual(turns('0 0 12 1 * *', '2026-06-01T12:00:00Z', 1), ['2026-07-01T12:00:00'])
  assert.deepEqual(turns('0 0 12 * * 6', '2026-06-01T12:00:00Z', 1), ['2026-06-06T12:00:00'])
})

test('what never comes has no turn', () => {
  assert.deepEqual(turns('0 0 0 31 2 *', '2026-01-01T00:00:00Z', 1), [])
})

test('what is no crontab is none', () => {
  for (const text of [
    '',
    '* * * * *',
    '* * * * * * *',
    '60 * * * * *',
    '* * * 0 * *',
    '* * * * 13 *',
    '* * * * * 7',
    '5-1 * * * * *',
    '*/0 * * * * *',
    '1-2-3 * * * * *',
    '1/2/3 * * * * *',
    'x * * * * *',
    '-1 * * * * *',
    '@often',
    'constructor',
    '__proto__',
  ]) {
    assert.equal(parseCron(text), null, text)
  }
})

test('in a zone whose clock goes forward, hours that are skipped have no turn', () => {
  // Zurich, 29 March 2026: 02:00 becomes 03:00 (01:00 UTC).
  assert.deepEqual(turns('0 30 2 * * *', '2026-03-28T00:00:00Z', 3, 'Europe/Zurich'), [
    '2026-03-28T01:30:00',
    '2026-03-30T00:30:00',
    '2026-03-31T00:30:00',
  ])
  assert.deepEqual(turns('0 0 * * * *', '2026-03-29T00:30:00Z', 2, 'Europe/Zurich'), [
    '2026-03-29T01:00:00',
    '2026-03-29T02:00:00',
  ])
})

test('in a zone whose clock goes back, hours that come twice have two turns', () => {
  // New York, 1 November 2026: 02:00 becomes 01:00 (06:00 UTC).
  assert.deepEqual(turns('0 30 1 * * *', '2026-11-01T00:00:00Z', 3, 'America/New_York'), [
    '2026-11-01T05:30:00',
    '2026-11-01T06:30:00',
    '2026-11-02T06:30:00',
  ])
})

test('zones are those of the IANA table', () => {
  for (const name of ['UTC', 'Local', 'Asia/Tokyo']) assert.ok(TimeZone.named(name), name)
  for (const name of ['', ' ', '+02:00', 'Mars/Olympus']) assert.equal(TimeZone.named(name), null, name)
})

test('a pattern is a time, an interval of at least a second, or a crontab', () => {
  const zone = TimeZone.named('Asia/Tokyo')
  assert.equal(parsePattern('@at 2026-01-02T03:04:05Z', null)?.kind, 'at')
  assert.equal(parsePattern('@at 2026-01-02T03:04:05+02:00', null)?.kind, 'at')
  assert.equal(parsePattern('@at 2026-01-02', null), null)
  assert.equal(parsePattern('@at 2026-01-02T03:04:05Z', zone), null)
  assert.equal(parsePattern('@every 1m30s', null)?.kind, 'every')
  assert.equal(parsePattern('@every 999ms', null), null)
  assert.equal(parsePattern('@every 1m', zone), null)
  assert.equal(parsePattern('0 0 9 * * *', zone)?.kind, 'cron')
})

test('turns that went by are had once, and the next one is in the zone’s own time', () => {
  const now = Date.parse('2026-05-01T10:00:00.400Z')
  const every = parsePattern('@every 10s', null)
  assert.ok(every)
  assert.equal(turnAfter(every, now - 3_600_000, now), Date.parse('2026-05-01T10:00:10Z'))
  const cron = parsePattern('0 0 9 * * *', TimeZone.named('Asia/Tokyo'))
  assert.ok(cron)
  const turn = turnAfter(cron, now - 7 * 86_400_000, now)
  assert.equal(turn, Date.parse('2026-05-02T00:00:00Z'))
  assert.equal(turnText(cron, turn as number), '2026-05-02T09:00:00+09:00')
  assert.equal(turnText(every, now), '2026-05-01T10:00:00.4Z')
})
