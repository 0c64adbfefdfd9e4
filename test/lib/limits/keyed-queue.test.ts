import { expect, test } from '@jest/globals'
import { KeyedQueue } from '../../../src/lib/limits/keyed-queue.js'

const settled = () => new Promise(resolve => setImmediate(resolve))

/** Two pieces of work run at a time, each until `end` is called with its name. */
function bench() {
  const queue = new KeyedQueue(2)
  const begun: string[] = []
  const urgent = new Set<string>()
  const ends = new Map<string, { done(): void; fail(error: Error): void }>()
  return {
    begun,
    urgent,
    take(name: string, key = 'a.example') {
      const work = () => {
        begun.push(name)
        return new Promise<string>((resolve, reject) => ends.set(name, { done: () => resolve(name), fail: reject }))
      }
      return queue.run(key, work, { isUrgent: () => urgent.has(name) })
    },
    async end(name: string, error?: Error): Promise<void> {
      await settled()
      const { done, fail } = ends.get(name)!
      if (error === undefined) done()
      else fail(error)
      await settled()
    },
  }
}

test('each key has its own order', async () => {
  const { begun, take } = bench()
  for (const name of ['1', '2', '3']) void take(name)
  void take('other', 'b.example')
  await settled()
  expect(begun).toEqual(['1', '2', 'other'])
})

test('urgent work goes first, also if it became urgent while it waited', async () => {
  const { begun, take, end, urgent } = bench()
  for (const name of ['1', '2', '3', '4', '5']) void take(name)
  urgent.add('5')
  await end('1')
  expect(begun.at(-1)).toBe('5')
  await end('2')
  expect(begun.at(-1)).toBe('3')
})

test('work that fails, or throws at once, lets the next start', async () => {
  const { begun, take, end } = bench()
  const failing = take('1')
  const thrown = new KeyedQueue(1).run('a.example', () => {
    throw new Error('at once')
  })
  await expect(thrown).rejects.toThrow('at once')
  void take('2')
  void take('3')
  const failed = expect(failing).rejects.toThrow('failed')
  await end('1', new Error('failed'))
  await failed
  expect(begun).toEqual(['1', '2', '3'])
})

test('after all work has ended, as many tasks can start at once as before', async () => {
  const { begun, take, end } = bench()
  for (const name of ['1', '2', '3']) void take(name)
  for (const name of ['1', '2', '3']) await end(name)
  for (const name of ['4', '5', '6']) void take(name)
  await settled()
  expect(begun).toEqual(['1', '2', '3', '4', '5'])
})
