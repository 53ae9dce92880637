/** Buffers of chunks are used again, and never while somebody who has just read may still look at one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chunk, ChunkBuffers, ChunkCache } from '../../src/storage/segments/chunk.ts'
import type { Segment } from '../../src/storage/segments/segment.ts'

const FULL = 1024 + (1 << 12)

function chunkOf(buffers: ChunkBuffers, id: number): Chunk {
  const segment = { chunks: new Map<number, Chunk>() } as unknown as Segment
  const chunk = new Chunk(segment, id, 0, buffers.take(FULL))
  segment.chunks.set(id, chunk)
  return chunk
}

test('a buffer is used again in a later turn only', async () => {
  const buffers = new ChunkBuffers(12)
  const cache = new ChunkCache(FULL, buffers)
  const first = chunkOf(buffers, 1)
  const { buffer } = first
  buffer.fill(1)
  cache.add(first)
  cache.add(chunkOf(buffers, 2))
  assert.equal(first.segment.chunks.size, 0)
  // Whoever waited for a promise goes on before the next turn.
  for (let i = 0; i < 10; i++) {
    await Promise.resolve()
    buffers.take(FULL).fill(2)
  }
  assert.equal(buffer[0], 1)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(buffers.take(FULL), buffer)
})

test('buffers of another size are not kept, nor more than some', async () => {
  const buffers = new ChunkBuffers(12)
  buffers.give(Buffer.alloc(FULL - 1))
  const given = new Set<Buffer>(Array.from({ length: 100 }, () => Buffer.alloc(FULL)))
  for (const buffer of given) buffers.give(buffer)
  await new Promise((resolve) => setImmediate(resolve))
  let again = 0
  for (let i = 0; i < 100; i++) if (given.has(buffers.take(FULL))) again++
  assert.equal(again, 16)
})

test('a chunk that is added twice is counted once', () => {
  const buffers = new ChunkBuffers(12)
  const cache = new ChunkCache(10 * FULL, buffers)
  const chunk = chunkOf(buffers, 1)
  cache.add(chunk)
  cache.add(chunk)
  assert.equal(cache.bytes, FULL)
  cache.drop(chunk.segment)
  assert.equal(cache.bytes, 0)
})
