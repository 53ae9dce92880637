import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House } from './house.ts'

const STREAM = { name: 'A', subjects: ['a.>'], subject_transform: { src: 'a.*.*', dest: 'b.$2.$1' } }

test('messages are stored under the subject they are mapped to, also after a crash', async () => {
  const house = await House.open()
  await house.stream(STREAM)
  await house.publish('a.1.2')
  await house.publish('a.1')
  const after = await house.crash()
  await after.publish('a.3.4')
  const { subjects } = await after.state('A', { subjects_filter: '>' })
  assert.deepEqual(subjects, { 'a.1': 1, 'b.2.1': 1, 'b.4.3': 1 })
})

test('the one who publishes and the others who listen see the subject that was published to', async () => {
  const house = await House.open()
  const heard = house.listen('a.>')
  await house.stream(STREAM)
  const after = house.listen('a.>')
  await house.publish('a.1.2')
  assert.deepEqual(
    [...heard, ...after].map(({ subject }) => subject),
    ['a.1.2', 'a.1.2'],
  )
})

test('a message whose subject would be too long is refused', async () => {
  const house = await House.open()
  const dest = Array.from({ length: 1000 }, () => '$1').join('.')
  await house.stream({ name: 'A', subjects: ['*'], no_ack: false, subject_transform: { src: '*', dest } })
  assert.equal((await house.publish('short')).seq, 1)
  const refused = await house.publish('x'.repeat(100))
  assert.deepEqual(errorOf(refused), [10077, 'subject longer than 65535 bytes'])
  assert.equal((await house.state('A')).last_seq, 1)
})
