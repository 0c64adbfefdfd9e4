import { expect, test } from '@jest/globals'
import { firstFor, orderFor } from '../../../src/processes/counting/rendezvous.js'

const names = Array.from({ length: 10 }, (_, number) => `pppp${number}aaa`)
const keys = Array.from({ length: 10_000 }, (_, number) => `user${number}@chat.example`)

test('each process is first for about as many keys as any other, even for similar keys', () => {
  const counts = new Map(names.map(name => [name, 0]))
  for (const key of keys) {
    const first = firstFor(key, names)
    counts.set(first, counts.get(first)! + 1)
  }
  for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150)
})

test('the order of processes for a key does not depend on the order of the list', () => {
  for (const key of ['', 'a', 'ä€😀', ...keys.slice(0, 100)]) {
    const order = orderFor(key, names)
    expect(orderFor(key, names.toReversed())).toEqual(order)
    expect(firstFor(key, names.toReversed())).toBe(order[0])
    expect(order.toSorted()).toEqual(names)
  }
})

test('if a process leaves, its keys spread evenly over the others, and no other key moves', () => {
  const [gone, ...rest] = names as [string, ...string[]]
  const moved = new Map(rest.map(name => [name, 0]))
  for (const key of keys) {
    const [before, after] = [firstFor(key, names), firstFor(key, rest)]
    if (before !== gone) expect(after).toBe(before)
    else {
      expect(after).toBe(orderFor(key, names)[1])
      moved.set(after, moved.get(after)! + 1)
    }
  }
  for (const count of moved.values()) expect(Math.abs(count - 111)).toBeLessThan(50)
})
