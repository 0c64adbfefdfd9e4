import { beforeEach, describe, expect, test } from '@jest/globals'
import { Phase } from '../../src/lib/phase.js'
import { drained } from '../../src/service/stopping.js'
import { processOf } from '../store/entries.js'
import { FakeClock } from '../support/fake-clock.js'

let clock: FakeClock
let sessions: number
let idle: number
/** Connections with a request under way. */
let busy: number
let isRetired: boolean
let phase: Phase
let isOver: boolean
/** For each other process, whether it drains. */
let others: boolean[]

beforeEach(() => {
  clock = new FakeClock()
  sessions = 1
  idle = 1
  busy = 0
  isRetired = false
  phase = new Phase()
  isOver = false
  others = []
})

function drain(isAlone: boolean): void {
  const peers = {
    get others() {
      return others.map((isDraining, at) => processOf(`other${at}`, { isDraining }))
    },
  }
  drained({
    seconds: 600,
    registry: {
      get size() {
        return sessions
      },
    },
    listening: {
      retire() {
        isRetired = true
      },
      closeIdleConnections() {
        idle = 0
      },
      get connections() {
        return idle + busy
      },
    },
    joined: isAlone ? undefined : { peers },
    clock,
    phase,
  }).then(() => {
    isOver = true
  })
}

async function later(seconds: number): Promise<boolean> {
  clock.advance(seconds * 1000)
  await Promise.resolve()
  return isOver
}

describe('a single process that drains', () => {
  test('accepts connections for its sessions, and ends when these have ended', async () => {
    drain(true)
    expect(await later(300)).toBe(false)
    sessions = 0
    expect(await later(0.1)).toBe(true)
    expect(isRetired).toBe(false)
  })

  test('ends at the time limit, or when it is stopped', async () => {
    drain(true)
    expect(await later(599.9)).toBe(false)
    expect(await later(0.1)).toBe(true)
    isOver = false
    drain(true)
    phase.begin('stopping')
    expect(await later(0.1)).toBe(true)
  })
})

describe('one of several processes that drains', () => {
  test('moves connections to another process one second after its announcement', async () => {
    others = [true, false]
    drain(false)
    expect([await later(0.9), isRetired]).toEqual([false, false])
    expect([await later(0.1), isRetired]).toEqual([false, true])
  })

  test('ends when its sessions and its connections have ended', async () => {
    others = [false]
    sessions = 0
    drain(false)
    expect(await later(1)).toBe(false)
    idle = 0
    expect(await later(0.1)).toBe(true)
  })

  test('continues to accept connections if all processes drain, until one does not', async () => {
    others = [true]
    drain(false)
    expect([await later(60), isRetired]).toEqual([false, false])
    others = [true, false]
    expect([await later(0.1), isRetired]).toEqual([false, true])
  })

  test('moves connections if all processes drain, and ends after its last answer', async () => {
    others = [true]
    sessions = 0
    busy = 1
    drain(false)
    expect([await later(0.9), isRetired]).toEqual([false, false])
    expect([await later(0.1), isRetired, idle]).toEqual([false, true, 0])
    expect(await later(30)).toBe(false)
    busy = 0
    expect(await later(0.1)).toBe(true)
  })
})
