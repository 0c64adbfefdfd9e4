import { expect, test } from '@jest/globals'
import { inSlices } from '../../../src/session/registry/in-slices.js'

/** Each step works for `milliseconds`. */
function* work(steps: number, onStep: () => void = () => {}, milliseconds = 1): Generator<undefined, number> {
  for (let step = 0; step < steps; step++) {
    const until = performance.now() + milliseconds
    while (performance.now() < until);
    onStep()
    yield
  }
  return steps
}

const nextTurn = () => new Promise(setImmediate)

test('short work ends in the same turn', async () => {
  await nextTurn()
  let isOver = false
  void inSlices(work(9, undefined, 0)).then(() => {
    isOver = true
  })
  await Promise.resolve()
  await Promise.resolve()
  expect(isOver).toBe(true)
})

test('several tasks share the time of a turn', async () => {
  await nextTurn()
  let inTurn = 0
  let most = 0
  let isOver = false
  const step = () => {
    inTurn += 1
    most = Math.max(most, inTurn)
  }
  const works = Promise.all(Array.from({ length: 8 }, () => inSlices(work(4, step)))).then(all => {
    isOver = true
    return all
  })
  while (!isOver) {
    inTurn = 0
    await nextTurn()
  }
  expect(await works).toEqual([4, 4, 4, 4, 4, 4, 4, 4])
  // The work takes 32 ms. A slice may begin in the middle of a turn.
  expect(most).toBeLessThanOrEqual(12)
})

test('a task that fails rejects, and the others continue', async () => {
  function* failing(): Generator<undefined, never> {
    yield
    throw new Error('on purpose')
  }
  const [failed, done] = await Promise.allSettled([inSlices(failing()), inSlices(work(9))])
  expect([failed.status, done]).toEqual(['rejected', { status: 'fulfilled', value: 9 }])
})
