import { Socket } from 'node:net'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { race as begin } from '../../../src/servers/c2s/dial.js'
import { FakeClock } from '../../support/fake-clock.js'
import { FakeSockets } from './fake-sockets.js'

let clock: FakeClock
let sockets: FakeSockets
let ends: string[]
let winner: Socket | undefined

beforeEach(() => {
  clock = new FakeClock()
  sockets = new FakeSockets(clock)
  ends = []
  winner = undefined
})

function race(addresses: readonly string[], until = 15_000) {
  return begin(addresses, 5222, { clock, connect: sockets.connect }, until, end => {
    if (end instanceof Socket) {
      winner = end
      ends.push('won')
    } else ends.push(`lost ${end.step} ${end.code} ${(end.cause as NodeJS.ErrnoException | undefined)?.code ?? ''}`)
  })
}

describe('connecting to the addresses of a host', () => {
  test('begins with the first at once', () => {
    race(['2001:db8::1', '192.0.2.1'])
    expect(sockets.begun).toEqual(['0 2001:db8::1 5222'])
  })

  test('begins the next attempt after 250 ms, while earlier ones continue', () => {
    race(['a', 'b', 'c'])
    clock.advance(249)
    expect(sockets.begun).toHaveLength(1)
    clock.advance(1)
    clock.advance(250)
    expect(sockets.begun).toEqual(['0 a 5222', '250 b 5222', '500 c 5222'])
    expect(sockets.alive).toEqual(['a', 'b', 'c'])
  })

  test('begins the next attempt at once if one fails, and another 250 ms later', () => {
    race(['a', 'b', 'c'])
    clock.advance(100)
    sockets.refuse('a')
    clock.advance(250)
    expect(sockets.begun).toEqual(['0 a 5222', '100 b 5222', '350 c 5222'])
  })

  test.each(['a', 'b', 'c'])(
    'ends with the first connection that succeeds, for example %s, and cancels the others',
    which => {
      race(['a', 'b', 'c'])
      clock.advance(500)
      sockets.stand(which)
      expect(ends).toEqual(['won'])
      expect(winner).toBe(sockets.at(which))
      expect(sockets.alive).toEqual([which])
      expect(clock.pending).toBe(0)
      // The race leaves no listeners: the link listens now.
      expect(winner!.listenerCount('error') + winner!.listenerCount('connect')).toBe(0)
    },
  )

  test('begins no further attempt once one has succeeded', () => {
    race(['a', 'b'])
    sockets.stand('a')
    clock.advance(10_000)
    expect(sockets.begun).toEqual(['0 a 5222'])
  })

  test('waits five seconds for each silent address', () => {
    race(['a', 'b'])
    clock.advance(4_999)
    expect(sockets.alive).toEqual(['a', 'b'])
    clock.advance(1)
    expect(sockets.alive).toEqual(['b'])
    expect(ends).toEqual([])
    clock.advance(250)
    expect(ends).toEqual(['lost connect timeout '])
    expect(sockets.alive).toEqual([])
    expect(clock.pending).toBe(0)
  })

  test('ends at the time limit for all addresses', () => {
    clock.advance(1_000)
    race(['a', 'b'], 3_000)
    clock.advance(1_999)
    expect(ends).toEqual([])
    clock.advance(1)
    expect(ends).toEqual(['lost connect timeout '])
    expect(clock.pending).toBe(0)
  })

  test('fails with the reason of the attempt that lasted longest', () => {
    race(['a', 'b', 'c'])
    sockets.refuse('a', 'ENETUNREACH')
    clock.advance(250)
    sockets.refuse('c', 'EHOSTUNREACH')
    expect(ends).toEqual([])
    sockets.refuse('b')
    expect(ends).toEqual(['lost connect remote-connection-failed ECONNREFUSED'])
    expect(clock.pending).toBe(0)
  })

  test('reports local-ports-exhausted, even if the last attempt fails for another reason', () => {
    race(['192.0.2.1', '2001:db8::1'])
    sockets.refuse('192.0.2.1', 'EADDRNOTAVAIL')
    sockets.refuse('2001:db8::1', 'ENETUNREACH')
    expect(ends).toEqual(['lost connect local-ports-exhausted EADDRNOTAVAIL'])
  })

  test.each(['EMFILE', 'ENFILE'])(
    'reports service-full and no fault of the server if no descriptor is left: %s',
    code => {
      race(['a'])
      sockets.refuse('a', code)
      expect(ends).toEqual([`lost connect service-full ${code}`])
    },
  )

  test('leaves nothing open when it is cancelled', () => {
    const cancel = race(['a', 'b', 'c'])
    clock.advance(250)
    cancel()
    expect(sockets.alive).toEqual([])
    expect(clock.pending).toBe(0)
    expect(ends).toEqual([])
  })
})
