import { expect, test } from '@jest/globals'
import { WaitingMemory } from '../../../src/lib/limits/waiting-memory.js'

const mebi = 2 ** 20
const settled = () => new Promise(resolve => setImmediate(resolve))

test('the limit for one session falls as more memory is used in all, but never to zero', () => {
  const waiting = new WaitingMemory(64 * mebi)
  const limits: number[] = []
  for (let mebibytes = 32; mebibytes <= 56; mebibytes += 4) {
    waiting.change(mebibytes * mebi - waiting.bytes)
    limits.push(waiting.mostOfSession / mebi)
  }
  expect(limits).toEqual([Number.POSITIVE_INFINITY, 3, 2, 1, 1 / 64, 1 / 64, 1 / 64])
  waiting.change(-waiting.bytes)
  expect(waiting.mostOfSession).toBe(Number.POSITIVE_INFINITY)
})

test('memory is freed later in the turn, once for everything that has arrived until then', async () => {
  let times = 0
  const waiting = new WaitingMemory(mebi, () => {
    times += 1
    waiting.change(mebi / 2 - waiting.bytes)
  })
  for (let come = 0; come < 10; come++) waiting.change(mebi)
  expect(times).toBe(0)
  await settled()
  expect([times, waiting.bytes]).toEqual([1, mebi / 2])
})

test('if nothing could be freed, the next attempt waits for clearly more data', async () => {
  let times = 0
  const waiting = new WaitingMemory(16 * mebi, () => {
    times += 1
  })
  waiting.change(17 * mebi)
  await settled()
  for (let come = 0; come < 8; come++) {
    waiting.change(mebi / 8)
    await settled()
  }
  expect(times).toBe(1)
  waiting.change(1)
  await settled()
  expect(times).toBe(2)
  // The memory becomes free, and fills again.
  waiting.change(-10 * mebi)
  waiting.change(9 * mebi)
  await settled()
  expect(times).toBe(3)
})
