import { describe, expect, test } from '@jest/globals'
import { readNetworks } from '../../../src/config/kinds/networks.js'

const read = (text: string) => {
  const problems: string[] = []
  const networks = readNetworks(text, problem => void problems.push(problem))
  return { networks, problems }
}

describe('networks', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['::1', '::1', true],
    ['[2001:db8::]/32', '2001:db8:ff::1', true],
    ['loopback', '127.1.2.3', true],
    ['loopback', '::1', true],
    ['loopback', '10.0.0.1', false],
    ['loopback, private', '192.168.1.1', true],
    ['private', 'fd00::1', true],
    ['any', '203.0.113.9', true],
    ['any', '2001:db8::1', true],
    ['none', '127.0.0.1', false],
    ['10.0.0.0/8', 'no address', false],
  ])('%s contain %s: %s', (text, address, inside) => {
    const { networks, problems } = read(text)
    expect(problems).toEqual([])
    expect(networks.contains(address)).toBe(inside)
  })

  test.each([
    ['10.0.0.1, 10.0.0.0/8', '10.0.0.1', true],
    ['10.0.0.1, 10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['10.0.0.1/32', '10.0.0.1', true],
    ['10.0.0.0/31', '10.0.0.1', false],
    ['2001:db8::1/128', '2001:db8::1', true],
    ['2001:db8:0::1', '2001:db8::1', true],
    ['private', '10.0.0.1', false],
    ['loopback', '127.0.0.2', true],
    ['10.0.0.1', 'unknown', false],
  ])('%s include the proxy %s: %s', (text, address, isProxy) => {
    expect(read(text).networks.hasProxy(address)).toBe(isProxy)
  })

  test('give the same answer for an address after a thousand others', () => {
    const { networks } = read('10.0.0.0/8')
    const addresses = Array.from({ length: 1500 }, (_, index) => `1${index % 2}.0.${index >> 8}.${index & 255}`)
    for (const address of [...addresses, ...addresses])
      expect([address, networks.contains(address)]).toEqual([address, address.startsWith('10.')])
  })

  test.each(['example.org', 'constructor', '10.0.0.0/33', '::/129', '10.0.0.0/8/8'])(
    'cannot be written as %s',
    text => {
      expect(read(text).problems).toEqual([`has "${text}", which is neither an address nor a range such as 10.0.0.0/8`])
    },
  )
})
