import { describe, expect, test } from '@jest/globals'
import { readNetworks } from '../../../src/config/kinds/networks.js'
import { bodiesOf } from '../../support/unlimited.js'

const MiB = 2 ** 20

function start(unfinishedMegabytes: number) {
  const bodies = bodiesOf(
    unfinishedMegabytes,
    readNetworks('10.0.0.1', () => undefined),
  )
  /** Tries to begin bodies of this size. Returns the accepted bodies. */
  const begin = (address: string, bytes: number, tried = 40) => {
    const begun = []
    for (let count = 0; count < tried; count++) {
      const body = bodies.begin(address)
      if (body.add(Buffer.alloc(bytes))) begun.push(body)
    }
    return begun
  }
  return { bodies, begin }
}

describe('incomplete bodies', () => {
  test('are stored as they arrived, in pieces of any length', () => {
    const { bodies } = start(1)
    const body = bodies.begin('192.0.2.1')
    const text = Array.from({ length: 5_000 }, (_, number) => `${number} `).join('')
    for (const piece of text.match(/.{1,7}/gs)!) expect(body.add(Buffer.from(piece))).toBe(true)
    expect(body.bytes.toString()).toBe(text)
    expect(bodies.bytes).toBeLessThan(2 * text.length)
    body.end()
    body.end()
    expect(bodies.bytes).toBe(0)
  })

  test('take no more memory in pieces of one byte', () => {
    const { bodies } = start(64)
    const body = bodies.begin('192.0.2.1')
    const before = process.memoryUsage().rss
    const piece = Buffer.from('x')
    for (let count = 0; count < MiB; count++) body.add(piece)
    expect(body.bytes).toHaveLength(MiB)
    expect(bodies.bytes).toBe(MiB)
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MiB)
  })

  test('of one address may use an eighth of the memory until some are complete', () => {
    const { begin, bodies } = start(64)
    const begun = begin('192.0.2.1', MiB / 2)
    expect(begun).toHaveLength(16)
    expect(begin('192.0.2.2', MiB / 2)).toHaveLength(16)
    begun[0]!.end()
    expect(begin('192.0.2.1', MiB / 2)).toHaveLength(1)
    expect(bodies.bytes).toBe(16 * MiB)
  })

  test('of one IPv6 /64 network, and of all unknown addresses, count for one client', () => {
    const { begin } = start(16)
    expect(begin('2001:db8:1:2::1', 2 * MiB)).toHaveLength(1)
    expect(begin('2001:db8:1:2:3:4:5:6', 2 * MiB)).toHaveLength(0)
    expect(begin('2001:db8:1:3::1', 2 * MiB)).toHaveLength(1)
    expect(begin('unknown', 2 * MiB)).toHaveLength(1)
    expect(begin('unknown', 2 * MiB)).toHaveLength(0)
  })

  test('of trusted proxies may use all the memory', () => {
    const { begin } = start(8)
    expect(begin('10.0.0.1', MiB)).toHaveLength(8)
    expect(begin('192.0.2.1', 1)).toHaveLength(0)
  })

  test('may have the length of the longest body, even with a low limit', () => {
    const { bodies } = start(2)
    const body = bodies.begin('192.0.2.1')
    for (let kib = 0; kib < 2048; kib++) expect(body.add(Buffer.alloc(1024))).toBe(true)
  })

  test('are unlimited if there is no limit', () => {
    expect(start(0).begin('192.0.2.1', MiB)).toHaveLength(40)
  })
})
