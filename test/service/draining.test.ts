import { beforeEach, describe, expect, test } from '@jest/globals'
import { Phase } from '../../src/lib/phase.js'
import { drained } from '../../src/service/stopping.js'
import { processOf } from '../store/entries.js'
import { FakeClock } from '../support/fake-clock.js'

let clock: FakeClock
let phase: Phase
let sessions: number
let listening: ReturnType<typeof fakeListening>
/** For each other process, whether it drains. */
let others: boolean[]
let isOver: boolean

/** One idle connection, and `busy` with a request under way. */
function fakeListening() {
  let idle = 1
  return {
    busy: 0,
    isRetired: false,
    retire() {
      this.isRetired = true
    },
    closeIdleConnections() {
      idle = 0
    },
    get connections() {
      return idle + this.busy
    },
  }
}

beforeEach(() => {
  clock = new FakeClock()
  phase = new Phase()
  sessions = 1
  listening = fakeListening()
  others = []
  isOver = false
})

function drain(isAlone: boolean): void {
  const peers = {
    get others() {
      return others.map((isDraining, at) => processOf(`other${at}`, { isDraining }))
    },
  }
  const joined = isAlone ? undefined : { peers }
  void drained({ seconds: 600, sessionsLeft: () => sessions, listening, joined, clock, phase }).then(() => {
    isOver = true
  })
}

async function later(seconds: number): Promise<boolean> {
  clock.advance(seconds * 1000)
  await Promise.resolve()
  return isOver
}

test('a single process that drains accepts connections for its sessions, and ends when these have ended', async () => {
  drain(true)
  expect(await later(300)).toBe(false)
  sessions = 0
  expect(await later(0.1)).toBe(true)
  expect(listening.isRetired).toBe(false)
})

test('a single process that drains ends at the time limit, or when it is stopped', async () => {
  drain(true)
  expect(await later(599.9)).toBe(false)
  expect(await later(0.1)).toBe(true)
  isOver = false
  drain(true)
  phase.begin('stopping')
  expect(await later(0.1)).toBe(true)
})

describe('one of several processes that drains', () => {
  test('ends when its sessions and its connections have ended', async () => {
    others = [false]
    sessions = 0
    drain(false)
    expect(await later(1)).toBe(false)
    listening.closeIdleConnections()
    expect(await later(0.1)).toBe(true)
  })

  test('continues to accept connections if all processes drain, until one does not', async () => {
    others = [true]
    drain(false)
    expect([await later(60), listening.isRetired]).toEqual([false, false])
    others = [true, false]
    expect([await later(0.1), listening.isRetired]).toEqual([false, true])
  })

  test('moves connections if all processes drain, and ends after its last answer', async () => {
    others = [true]
    sessions = 0
    listening.busy = 1
    drain(false)
    expect([await later(0.9), listening.isRetired]).toEqual([false, false])
    expect([await later(0.1), listening.isRetired, listening.connections]).toEqual([false, true, 1])
    expect(await later(30)).toBe(false)
    listening.busy = 0
    expect(await later(0.1)).toBe(true)
  })
})
