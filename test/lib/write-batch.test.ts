import { expect, jest, test } from '@jest/globals'
import { writeBatch } from '../../src/lib/write-batch.js'

const turn = () => new Promise(resolve => setImmediate(resolve))

test('items are processed at the end of the turn, in order', async () => {
  const done: string[] = []
  const end = writeBatch<string>(9, item => done.push(item))
  end('one')
  await Promise.resolve()
  end('two')
  expect(done).toEqual([])
  await turn()
  expect(done).toEqual(['one', 'two'])
  end('three')
  await turn()
  expect(done).toEqual(['one', 'two', 'three'])
})

test('more items than the limit are processed at once', async () => {
  const done: number[] = []
  const end = writeBatch<number>(3, item => done.push(item))
  for (let item = 1; item <= 4; item++) end(item)
  expect(done).toEqual([])
  await new Promise<void>(resolve => process.nextTick(resolve))
  expect(done).toEqual([1, 2, 3, 4])
  end(5)
  await new Promise<void>(resolve => process.nextTick(resolve))
  expect(done).toEqual([1, 2, 3, 4])
  await turn()
  expect(done).toEqual([1, 2, 3, 4, 5])
})

test('items added meanwhile are processed in the next turn', async () => {
  const done: number[] = []
  const end = writeBatch<number>(9, item => {
    done.push(item)
    if (item < 3) end(item + 1)
  })
  end(1)
  for (let turns = 1; turns <= 3; turns++) {
    await turn()
    expect(done).toHaveLength(turns)
  }
  expect(done).toEqual([1, 2, 3])
})

test('an item that fails does not stop the others', () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] })
  try {
    const done: string[] = []
    const end = writeBatch<string>(9, item => {
      if (item === 'bad') throw new TypeError('not foreseen')
      done.push(item)
    })
    for (const item of ['one', 'bad', 'two', 'three']) end(item)
    expect(() => jest.runOnlyPendingTimers()).toThrow('not foreseen')
    jest.runOnlyPendingTimers()
    expect(done).toEqual(['one', 'two', 'three'])
  } finally {
    jest.useRealTimers()
  }
})
