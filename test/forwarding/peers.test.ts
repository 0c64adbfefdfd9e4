import { createSecretKey } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { written } from '../../src/config/kinds/listen-addresses.js'
import { PeerLinks } from '../../src/forwarding/peer-links.js'
import type { PeerListener } from '../../src/forwarding/peer-listener.js'
import { Peers } from '../../src/forwarding/peers.js'
import { NoAnswer } from '../../src/store/other-processes.js'
import { type ProcessEntry, processSeconds } from '../../src/store/store.js'
import { processOf } from '../store/entries.js'
import { eventually } from '../support/eventually.js'
import { FakeClock } from '../support/fake-clock.js'
import { Listener } from '../support/listener.js'
import { freshPath, listenWith, socketAt } from './stage.js'

const [self, other] = ['aaaaaaaa', 'bbbbbbbb']
const entry = (name: string, more: Partial<ProcessEntry> = {}) =>
  processOf(name, { address: '', place: 'host', ...more })

const keys = () => [createSecretKey(Buffer.alloc(32))]

let clock: FakeClock
let links: PeerLinks
let processes: ProcessEntry[]
let isWhole: boolean
let unreachable: string[]
let died: string[]
let peers: Peers
let listener: PeerListener | undefined
let faults: unknown[]
let path: string

beforeEach(() => {
  clock = new FakeClock()
  links = new PeerLinks({ clock, keys })
  path = freshPath()
  processes = [entry(self), entry(other, { address: `unix:${path}` })]
  isWhole = true
  unreachable = []
  died = []
  faults = []
  listener = undefined
  const store = {
    get processes() {
      return processes
    },
    get isWhole() {
      return isWhole
    },
  }
  const onLost = ({ name }: ProcessEntry) => void died.push(name)
  const onUnreachable = ({ name }: ProcessEntry) => void unreachable.push(name)
  peers = new Peers({ self, place: 'host, worker 1', store, links, clock, onUnreachable, onLost })
})

afterEach(async () => {
  links.close()
  await listener?.close()
})

/** The other process, which answers calls by `answering`. */
async function listen(answering: Peers, address = socketAt(path)): Promise<void> {
  const { accept, answerCall } = answering
  listener = await listenWith({ address, keys, accept, answer: answerCall, report: error => faults.push(error) })
}

/** The address of the other process is where all connections are handled so. */
async function otherAt(handle: (socket: Socket) => void): Promise<Listener> {
  const there = await Listener.start(createServer(handle))
  const address = `127.0.0.1:${there.port}`
  processes = [entry(self), entry(other, { address })]
  return there
}

const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => 'answered',
    (error: unknown) => (error instanceof NoAnswer ? error.reason : error),
  )

describe('calls', () => {
  test('are JSON both ways', async () => {
    peers.answer('double', ({ number }: { number: number }) => ({ number: 2 * number }))
    peers.answer('nothing', () => undefined)
    await listen(peers)
    expect(await peers.ask(other, 'double', { number: 21 })).toEqual({ number: 42 })
    expect(await peers.ask(other, 'nothing', null)).toBeNull()
    expect(await peers.ask(other, 'double', { number: 0.5, text: 'ä'.repeat(100_000) })).toEqual({ number: 1 })
  })

  test('that fail there are reported there, and have no answer here', async () => {
    const fault = new Error('a fault')
    peers.answer('fail', () => {
      throw fault
    })
    await listen(peers)
    expect(await reasonOf(peers.ask(other, 'fail', null))).toBe('broken')
    expect(await reasonOf(peers.ask(other, 'unknown', null))).toBe('broken')
    expect(faults).toEqual([fault, expect.objectContaining({ message: 'there is no call unknown' })])
  })

  test('are given up after their time limit, and others go on', async () => {
    let answer = (_value: unknown) => {}
    peers.answer('slow', () => new Promise(resolve => (answer = resolve)))
    peers.answer('fast', () => 1)
    await listen(peers)
    const slow = reasonOf(peers.ask(other, 'slow', null, 500))
    expect(await peers.ask(other, 'fast', null)).toBe(1)
    clock.advance(500)
    expect(await slow).toBe('late')
    answer(null)
    expect(await peers.ask(other, 'fast', null)).toBe(1)
  })
})

describe('an owner', () => {
  test('is named by a sid, an id or a token', () => {
    expect(peers.ownerIn(`${other}-0123`)?.name).toBe(other)
    for (const text of [`${self}-0123`, 'cccccccc-0123', '0123', '', '__proto__-0123'])
      expect(peers.ownerIn(text)).toBeUndefined()
  })

  test('that has died is known until its entry has expired', async () => {
    expect(await reasonOf(peers.ask(other, 'any', null))).toBe('gone')
    expect([peers.isGone(other), peers.ownerNamed(other)]).toEqual([true, undefined])
    clock.advance((processSeconds + 2) * 1_000 + 1)
    isWhole = false
    peers.look()
    // Entries do not expire while the store is away.
    expect([peers.isGone(other), unreachable]).toEqual([true, []])
    isWhole = true
    peers.look()
    expect(peers.ownerNamed(other)?.name).toBe(other)
    // It lives, because its entry has not expired.
    expect(unreachable).toEqual([other])
  })

  test('that accepts connections but no handshake cannot be reached, until a connection opens or for five minutes', async () => {
    const strange = await otherAt(socket => void socket.destroy())
    expect(await reasonOf(peers.ask(other, 'any', null))).toBe('broken')
    await eventually('it is known', () => peers.isUnreachable(other))
    expect(unreachable).toEqual([other])
    clock.advance(300_000)
    peers.look()
    expect(peers.isUnreachable(other)).toBe(true)
    clock.advance(1)
    peers.look()
    expect(peers.isUnreachable(other)).toBe(false)

    expect(await reasonOf(peers.ask(other, 'any', null))).toBe('broken')
    await eventually('it is known again', () => peers.isUnreachable(other))
    await strange.stop()
    peers.answer('any', () => 1)
    await listen(peers, { host: '127.0.0.1', port: strange.port })
    expect(await peers.ask(other, 'any', null)).toBe(1)
    expect(peers.isUnreachable(other)).toBe(false)
  })

  test('whose packets are lost cannot be reached after 12 seconds', async () => {
    const silent = await otherAt(() => {})
    const asked = reasonOf(peers.ask(other, 'any', null, 60_000))
    for (let seconds = 2; seconds <= 10; seconds += 2) clock.advance(2_000)
    await new Promise(setImmediate)
    expect(unreachable).toEqual([])
    clock.advance(2_000)
    expect(await asked).toBe('broken')
    await eventually('it is known', () => unreachable.includes(other))
    await silent.stop()
  })

  test('at a Unix socket of another machine cannot be reached, and the operator hears it', () => {
    processes = [entry(self), entry(other, { address: 'unix:/run/other.sock', place: 'elsewhere, worker 1' })]
    expect(peers.ownerNamed(other)).toBeUndefined()
    expect(unreachable).toEqual([other])
    const address = written({ host: '2001:db8::1', port: 9191 })
    expect(address).toBe('[2001:db8::1]:9191')
    processes = [entry(self), entry(other, { address, place: 'elsewhere' })]
    expect(peers.ownerNamed(other)?.name).toBe(other)
  })

  test.each(['', 'host', 'host:', ':1', 'host:99999', 'host:-1', 'a b:c'])('at %j cannot be reached', async address => {
    processes = [entry(self), entry(other, { address })]
    expect(peers.ownerNamed(other)).toBeUndefined()
    expect(await reasonOf(peers.ask(other, 'any', null))).toBe('gone')
  })

  test('for new sessions does not drain, and was not asked', () => {
    processes = [
      entry(self),
      entry(other, { address: 'unix:/a', isDraining: true }),
      entry('cccccccc', { address: 'unix:/c' }),
    ]
    const asked = new Set<string>()
    expect(peers.forNewSession(asked)?.name).toBe('cccccccc')
    expect(peers.forNewSession(asked)).toBeUndefined()
  })
})

test('a process that cannot be reached gets a new session only if there is no other', async () => {
  const strange = await otherAt(socket => void socket.destroy())
  const third = entry('cccccccc', { address: 'unix:/c' })
  processes.push(third)
  await reasonOf(peers.ask(other, 'any', null))
  await eventually('it is known', () => peers.isUnreachable(other))
  const chosen = new Set(Array.from({ length: 50 }, () => peers.forNewSession()?.name))
  expect([...chosen]).toEqual([third.name])
  expect(peers.forNewSession(new Set([third.name]))?.name).toBe(other)
  await strange.stop()
})

test('a process whose entry expires is lost until it is back, and a process that drained is not', () => {
  const all = processes
  peers.look()
  processes = [entry(self)]
  peers.look()
  expect([peers.lost, peers.others, died]).toEqual([[other], [], [other]])
  processes = all
  peers.look()
  expect(peers.lost).toEqual([])
  processes = [entry(self), entry(other, { isDraining: true })]
  peers.look()
  processes = [entry(self)]
  peers.look()
  expect([peers.lost, died]).toEqual([[], [other]])
})
