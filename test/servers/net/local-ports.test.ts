import { Socket } from 'node:net'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { race } from '../../../src/servers/c2s/dial.js'
import { LocalPorts, type PortRange, type Source } from '../../../src/servers/net/local-ports.js'
import { FakeClock } from '../../support/fake-clock.js'

let clock: FakeClock
let sockets: { readonly socket: Socket; readonly source: Source }[]

beforeEach(() => {
  clock = new FakeClock()
  sockets = []
})

function portsOf(addresses: readonly string[], range: PortRange | undefined = { first: 40_000, count: 1_000 }) {
  const connect = (_host: string, _port: number, source: Source) => {
    const socket = new Socket()
    sockets.push({ socket, source })
    return socket
  }
  return new LocalPorts({ addresses, clock, connect, range: () => range })
}

const sources = () => sockets.map(({ source }) => source.localAddress)
const open = (ports: LocalPorts, host = '192.0.2.1', port = 5222) => ports.take(ports.connect(host, port))!

describe('without XMPP_LOCAL_ADDRESSES', () => {
  test('the system chooses address and port', () => {
    open(portsOf([]))
    expect(sockets.map(({ source }) => source)).toEqual([{}])
  })

  test('links to the busiest server are counted', () => {
    const ports = portsOf([])
    expect(ports.busiest).toEqual({ used: 0, available: 1_000 })
    const links = [open(ports), open(ports), open(ports, '192.0.2.1', 5223), open(ports, '2001:db8::1')]
    expect(ports.busiest).toEqual({ used: 2, available: 1_000 })
    ports.giveBack(links[0]!)
    ports.giveBack(links[1]!)
    expect(ports.busiest).toEqual({ used: 1, available: 1_000 })
    for (const link of links.slice(2)) ports.giveBack(link)
    expect(ports.busiest).toEqual({ used: 0, available: 1_000 })
  })

  test('an attempt without an own port is not repeated', () => {
    const ports = portsOf([])
    expect(ports.failed(ports.connect('192.0.2.1', 5222), false)).toBe(false)
  })

  test('the number of ports is unknown on systems other than Linux', () => {
    const ports = new LocalPorts({ addresses: [], clock, connect: () => new Socket(), range: () => undefined })
    open(ports)
    expect(ports.busiest).toBeUndefined()
  })
})

describe('with XMPP_LOCAL_ADDRESSES', () => {
  test('a link uses the address with the fewest links, of the same IP version', () => {
    const ports = portsOf(['10.0.0.1', '2001:db8::a', '10.0.0.2'])
    const first = open(ports)
    open(ports)
    open(ports, '2001:db8::1')
    ports.giveBack(first)
    open(ports)
    open(ports)
    expect(sources()).toEqual(['10.0.0.1', '10.0.0.2', '2001:db8::a', '10.0.0.1', '10.0.0.1'])
  })

  test('the system chooses for an IP version without an address', () => {
    open(portsOf(['10.0.0.1']), '2001:db8::1')
    expect(sources()).toEqual([undefined])
  })

  test('15 % of the port numbers stay free for other programs', () => {
    const ports = portsOf(['10.0.0.1'])
    for (let at = 0; at < 10_000; at++) open(ports)
    const used = new Set(sockets.map(({ source }) => source.localPort))
    expect([Math.min(...(used as Set<number>)), Math.max(...(used as Set<number>))]).toEqual([40_000, 40_849])
    expect(used.size).toBe(850)
  })

  test('each address can use all its ports for each server', () => {
    const ports = portsOf(['10.0.0.1', '10.0.0.2'])
    for (let at = 0; at < 7; at++) open(ports)
    open(ports, '192.0.2.2')
    expect(ports.busiest).toEqual({ used: 7, available: 1_700 })
  })

  test('another port is tried if one is taken, 64 at most', () => {
    const ports = portsOf(['10.0.0.1'])
    let socket = ports.connect('192.0.2.1', 5222)
    let tries = 1
    while (ports.failed(socket, false)) {
      socket = ports.connect('192.0.2.1', 5222, socket)
      tries += 1
    }
    expect(tries).toBe(64)
    expect(new Set(sockets.map(({ source }) => source.localPort)).size).toBeGreaterThan(50)
  })

  test('an address that the machine has lost is not used for 10 s, unless it is the only one', () => {
    const ports = portsOf(['10.0.0.1', '10.0.0.2', '2001:db8::a'])
    expect(ports.failed(ports.connect('192.0.2.1', 5222), true)).toBe(true)
    open(ports)
    open(ports)
    clock.advance(10_000)
    open(ports)
    expect(sources()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.2', '10.0.0.1'])
    expect(ports.failed(ports.connect('2001:db8::1', 5222), true)).toBe(false)
    open(ports, '2001:db8::1')
    expect(sources().at(-1)).toBe('2001:db8::a')
  })
})

describe('connecting to several addresses at once', () => {
  const ends: string[] = []
  const begin = (ports: LocalPorts, addresses = ['192.0.2.1']) => {
    ends.length = 0
    race(addresses, 5222, { clock, connect: ports.connect, ports }, 15_000, end => {
      ends.push('code' in end ? `${end.code} ${end.detail ?? ''}`.trim() : 'connected')
    })
  }
  const fail = (at: number, code: string, syscall = 'connect') =>
    sockets[at]!.socket.emit('error', Object.assign(new Error(code), { code, syscall, address: '192.0.2.1' }))

  test('tries another port, then is connected', () => {
    begin(portsOf(['10.0.0.1']))
    fail(0, 'EADDRINUSE', 'bind')
    fail(1, 'EADDRNOTAVAIL')
    sockets[2]!.socket.emit('connect')
    expect(ends).toEqual(['connected'])
  })

  test('tries the next local address, and fails if this machine has none of them', () => {
    begin(portsOf(['10.0.0.1', '10.0.0.2']))
    fail(0, 'EADDRNOTAVAIL', 'bind')
    fail(1, 'EADDRNOTAVAIL', 'bind')
    expect(sources()).toEqual(['10.0.0.1', '10.0.0.2'])
    expect(ends).toEqual(['local-ports-exhausted XMPP_LOCAL_ADDRESSES has an address that this machine does not have.'])
  })

  test('fails with local-ports-exhausted, even if the last attempt fails for another reason', () => {
    begin(portsOf([]), ['192.0.2.1', '2001:db8::1'])
    fail(0, 'EADDRNOTAVAIL')
    fail(1, 'ENETUNREACH')
    expect(ends).toEqual(['local-ports-exhausted'])
  })
})
