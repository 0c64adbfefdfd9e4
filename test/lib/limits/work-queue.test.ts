import { beforeEach, expect, test } from '@jest/globals'
import { hashQueue } from '../../../src/lib/limits/hash-queue.js'
import { type WorkQueue, workQueue } from '../../../src/lib/limits/work-queue.js'

let queue: WorkQueue
let told: string[]
let finish: Record<string, () => void>

beforeEach(() => {
  queue = workQueue(2, 2, () => new Error('too many'))
  told = []
  finish = {}
})

/** Work that runs until the test ends it by its name. */
function work(name: string, signal?: AbortSignal, owner?: string): Promise<void> {
  const begin = () => {
    told.push(name)
    return new Promise<void>(resolve => {
      finish[name] = resolve
    })
  }
  return queue(begin, signal, owner)
}

function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort(new Error('left')) }
}

const settled = () => new Promise(resolve => setImmediate(resolve))

test('work of one owner does not keep others waiting', async () => {
  queue = workQueue(2, 9, () => new Error('too many'))
  for (const name of ['a1', 'a2', 'a3', 'a4']) void work(name, undefined, 'a')
  void work('b', undefined, 'b')
  await settled()
  finish['a1']!()
  await settled()
  finish['a2']!()
  await settled()
  expect(told.slice(0, 3)).toEqual(['a1', 'a2', 'b'])
})

test('work that is cancelled while it waits never starts, and blocks no other work', async () => {
  const { signal, abort } = abortable()
  for (const name of ['a', 'b']) void work(name)
  const left = work('c', signal)
  void work('d')
  abort()
  await expect(left).rejects.toThrow('left')
  await expect(work('e', signal)).rejects.toThrow('left')
  finish['a']!()
  await settled()
  expect(told).toEqual(['a', 'b', 'd'])
})

test('work that is cancelled at its turn blocks no other work', async () => {
  // Tries many microtasks, because the turn begins in one of them.
  for (let moment = 0; moment < 20; moment++) {
    queue = workQueue(2, 3, () => new Error('too many'))
    finish = {}
    for (const name of ['a', 'b']) void work(name)
    const leaving = ['one', 'other'].map(name => {
      const { signal, abort } = abortable()
      work(name, signal).catch(() => {})
      return { name, abort }
    })
    void work('stays')
    await settled()
    for (const name of ['a', 'b']) finish[name]!()
    for (let tick = 0; tick < moment; tick++) await Promise.resolve()
    for (const { abort } of leaving) abort()
    await settled()
    for (const { name } of leaving) finish[name]?.()
    await settled()
    expect([moment, told.at(-1)]).toEqual([moment, 'stays'])
  }
})

test('secrets that wait for their hash are limited, with a count of refusals', async () => {
  const refused: string[] = []
  const hashes = hashQueue(limit => void refused.push(limit))
  for (let each = 0; each < 1_002; each++) void hashes(() => new Promise(() => {}))
  expect(refused).toEqual([])
  await expect(hashes(async () => {})).rejects.toMatchObject({ code: 'service-full' })
  expect(refused).toEqual(['hashes'])
})

test('work that has ended makes room', async () => {
  for (let each = 0; each < 9; each++) await queue(async () => {})
  await expect(queue(async () => 'done')).resolves.toBe('done')
})
