import { expect, test } from '@jest/globals'
import { WorkerNumbers } from '../../../src/command/workers/worker-numbers.js'

function worker() {
  const told: object[] = []
  return { told, pid: 1, isReady: true, tell: (order: object) => void told.push(order), kill() {} }
}

test('the last counts of an ended worker go to another worker, or to the next one that starts', () => {
  const numbers = new WorkerNumbers()
  const [one, two, three] = [worker(), worker(), worker()]
  numbers.sent(one, 'old')
  numbers.sent(one, 'new')
  numbers.sent(two, 'of two')
  numbers.ended(one, true, two)
  expect(two.told).toEqual([{ order: 'numbers', text: 'new', hasDied: true }])
  numbers.ended(two, false, undefined)
  numbers.ready(three)
  expect(three.told).toEqual([{ order: 'numbers', text: 'of two', hasDied: false }])
  numbers.ended(worker(), true, three)
  numbers.ready(three)
  expect(three.told).toHaveLength(1)
})
