import net, { Socket, type TcpNetConnectOpts } from 'node:net'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { Server } from '../../../src/config/config.js'
import { createDialer, type Search } from '../../../src/servers/c2s/dial.js'
import { type Addresses, createNameLookup, type Route } from '../../../src/servers/net/name-lookup.js'
import type { Target } from '../../../src/servers/net/srv-records.js'
import type { Failure } from '../../../src/xmpp/link.js'
import { FakeClock } from '../../support/fake-clock.js'
import { dialerParts, usualServer } from '../../support/link-parts.js'

/** A promise is an answer that arrives later. */
function fakeNames(clock: FakeClock) {
  const routes: Record<string, Route | Promise<Route>> = {}
  const hosts: Record<string, Addresses | Failure | Promise<Addresses | Failure>> = {}
  const names = createNameLookup({ clock, local: true })
  return {
    routes,
    hosts,
    routeTo: (domain: string) => routes[domain] ?? names.routeTo(domain),
    addressesOf: (target: Target) => hosts[target.host] ?? names.addressesOf(target),
  }
}

let clock: FakeClock
let names: ReturnType<typeof fakeNames>
/** A line for each connection: its time in milliseconds, its addresses, and its port. */
let begun: string[]
/** By their addresses. They connect when the test says so. */
let sockets: Map<string, Socket>
let told: string[]

beforeEach(() => {
  clock = new FakeClock()
  names = fakeNames(clock)
  begun = []
  sockets = new Map()
  jest.spyOn(net, 'connect').mockImplementation(options => fakeSocket(options as unknown as TcpNetConnectOpts))
  told = []
})

afterEach(() => void jest.restoreAllMocks())

const descriptors = { expected: 0 }
const dialer = (about: { publicOnly?: boolean } = {}) =>
  createDialer(dialerParts(clock, { names, descriptors, ...about }))
const server: Server = { ...usualServer, port: 5222, tls: 'starttls' }
/** The dialler of a server in the settings, by its name. */
const toHost = (host: string) => dialer()({ domain: 'example.org', server: { ...server, host } })
/** The dialler of a domain whose servers DNS has. */
const toDomain = (domain = 'example.org', about?: Parameters<typeof dialer>[0]) =>
  dialer(about)({ domain, server: undefined })
const at = (host: string, tls: Server['tls'] = 'starttls'): Target => ({ host, port: 5222, tls, usesDns: true })
const unknown: Failure = { step: 'resolve', code: 'host-unknown' }
const refused: Failure = { step: 'connect', code: 'remote-connection-failed' }
const settled = () => new Promise(resolve => setImmediate(resolve))
const pass = (milliseconds: number) => {
  clock.advance(milliseconds)
  return settled()
}
const stand = (addresses: string) => {
  sockets.get(addresses)!.emit('connect')
  return settled()
}
const refuse = (addresses: string) => {
  const about = { code: 'ECONNREFUSED', syscall: 'connect' }
  sockets.get(addresses)!.emit('error', Object.assign(new Error('refused'), about))
  return settled()
}
const alive = () => [...sockets].filter(([, socket]) => !socket.destroyed).map(([addresses]) => addresses)

function fakeSocket({ port, lookup }: TcpNetConnectOpts): Socket {
  const socket = new Socket()
  lookup!('', { all: true }, (_error, found) => {
    const addresses = (found as { address: string }[]).map(({ address }) => address).join(' ')
    begun.push(`${clock.now()} ${addresses} ${port}`)
    sockets.set(addresses, socket)
  })
  return socket
}

/** The addresses of the host come when the test says so. */
function answeredLater(host: string) {
  let answer: (addresses: Addresses) => void = () => {}
  names.hosts[host] = new Promise<Addresses>(resolve => {
    answer = resolve
  })
  return (addresses: Addresses) => answer(addresses)
}

/** `goOn` rejects the current connection. */
async function follow(search: Search) {
  let goOn: (failure: Failure) => void = () => {}
  const dial = async () => {
    for await (const { tls } of search.connections(() => told.push('connecting'))) {
      told.push(`connected ${tls}`)
      search.fail(
        await new Promise<Failure>(resolve => {
          goOn = resolve
        }),
      )
    }
    told.push(`failed ${search.failure.step} ${search.failure.code}`)
  }
  dial().catch(error => told.push(`failed: ${error}`))
  await settled()
  return {
    cancel: () => search.cancel(),
    goOn(failure: Failure) {
      goOn(failure)
      return settled()
    },
  }
}

describe('connecting to a server in the settings', () => {
  test('by IP address begins at once, and needs one timer until it is connected', async () => {
    await follow(toHost('127.0.0.1'))
    expect(begun).toEqual(['0 127.0.0.1 5222'])
    expect(clock.pending).toBe(1)
    await stand('127.0.0.1')
    expect(told).toEqual(['connecting', 'connected starttls'])
    expect(clock.pending).toBe(0)
  })

  test('by a name with cached addresses begins at once too', async () => {
    names.hosts['xmpp.lan'] = ['10.0.0.5', '10.0.0.6']
    const local = { ...server, host: 'xmpp.lan', tls: 'none', port: 15222 } as const
    await follow(dialer({ publicOnly: true })({ domain: 'example.org', server: local }))
    expect(begun).toEqual(['0 10.0.0.5 10.0.0.6 15222'])
    await stand('10.0.0.5 10.0.0.6')
    expect(told).toEqual(['connecting', 'connected none'])
  })

  test('by a name that another server gave looks it up in DNS', async () => {
    const asked = jest.spyOn(names, 'addressesOf')
    const other = { host: 'node2.example', port: 5222, tls: 'starttls' } as const
    names.hosts['node2.example'] = ['10.0.0.7']
    await follow(dialer()({ domain: 'example.org', server: { ...server, host: 'xmpp.lan' }, other }))
    expect(asked).toHaveBeenCalledWith({ ...other, usesDns: true })
  })

  test('reserves a descriptor, which is free again after a cancel', async () => {
    const answer = answeredLater('xmpp.lan')
    await follow(toHost('xmpp.lan'))
    const { cancel } = await follow(toHost('xmpp.lan'))
    expect(descriptors.expected).toBe(2)
    cancel()
    expect(descriptors.expected).toBe(1)
    answer(['10.0.0.5'])
    await settled()
    expect(begun).toEqual(['0 10.0.0.5 5222'])
    expect(descriptors.expected).toBe(0)
  })

  test('reserves no descriptor without an address', async () => {
    names.hosts['xmpp.lan'] = Promise.resolve(unknown)
    const search = toHost('xmpp.lan')
    const first = search.connections(() => {}).next()
    expect(descriptors.expected).toBe(1)
    expect((await first).done).toBe(true)
    search.cancel()
    expect(descriptors.expected).toBe(0)
  })

  test('waits at most five seconds for addresses', async () => {
    const answer = answeredLater('xmpp.lan')
    await follow(toHost('xmpp.lan'))
    await pass(4_999)
    expect(told).toEqual([])
    await pass(1)
    expect(told).toEqual(['failed resolve timeout'])
    answer(['10.0.0.5'])
    await settled()
    expect(begun).toEqual([])
    expect(clock.pending).toBe(0)
  })
})

describe('connecting to a domain', () => {
  test('tries one target after another, and reports the TLS mode of the target that answers', async () => {
    names.routes['example.org'] = { targets: [at('a', 'direct'), at('b'), at('c')] }
    names.hosts['a'] = ['192.0.2.1', '2001:db8::1']
    names.hosts['b'] = unknown
    names.hosts['c'] = ['192.0.2.3']
    await follow(toDomain())
    await refuse('192.0.2.1 2001:db8::1')
    await stand('192.0.2.3')
    expect(begun).toEqual(['0 192.0.2.1 2001:db8::1 5222', '0 192.0.2.3 5222'])
    expect(told).toEqual(['connecting', 'connecting', 'connected starttls'])
    expect(clock.pending).toBe(0)
  })

  test.each([
    ['the only target', [refused], 'connect remote-connection-failed'],
    ['the target that came furthest', [unknown, refused, unknown], 'connect remote-connection-failed'],
    ['the first of several such targets', [unknown, { step: 'resolve', code: 'timeout' }], 'resolve host-unknown'],
  ] as const)('fails for the reason of %s', async (_which, failures, expected) => {
    names.routes['example.org'] = { targets: failures.map((_, index) => at(`h${index}`)) }
    for (const [index, failure] of failures.entries())
      names.hosts[`h${index}`] = failure === refused ? ['192.0.2.1'] : failure
    await follow(toDomain())
    if (failures.some(failure => failure === refused)) await refuse('192.0.2.1')
    expect(told.at(-1)).toBe(`failed ${expected}`)
  })

  test('reports that name servers failed, if no other target is found either', async () => {
    const failure: Failure = { step: 'resolve', code: 'remote-connection-failed' }
    names.routes['example.org'] = { targets: [at('example.org')], failure }
    names.hosts['example.org'] = unknown
    await follow(toDomain())
    expect(told).toEqual(['failed resolve remote-connection-failed'])
  })

  test('waits five seconds for its targets', async () => {
    names.routes['example.org'] = new Promise(() => {})
    await follow(toDomain())
    await pass(5_000)
    expect(told).toEqual(['failed resolve timeout'])
    expect(clock.pending).toBe(0)
  })

  test('has fifteen seconds from its first connection, for all targets together', async () => {
    names.routes['example.org'] = { targets: ['a', 'b', 'c', 'd', 'e'].map(host => at(host)) }
    for (const host of 'abcde') names.hosts[host] = [`192.0.2.${host.charCodeAt(0)}`]
    const dialling = await follow(toDomain())
    await pass(5_000)
    // The second server accepts the connection, and then sends nothing.
    await stand('192.0.2.98')
    await pass(7_000)
    await dialling.goOn({ step: 'connect', code: 'timeout' })
    expect(begun.at(-1)).toBe('12000 192.0.2.99 5222')
    await pass(2_999)
    expect(told.at(-1)).toBe('connecting')
    await pass(1)
    expect(told.at(-1)).toBe('failed connect timeout')
    expect(alive()).toEqual(['192.0.2.98'])
    expect(begun).toHaveLength(3)
    expect(clock.pending).toBe(0)
  })

  test('does not resolve another target for longer than the time limit', async () => {
    names.routes['example.org'] = { targets: [at('192.0.2.1'), at('b')] }
    names.hosts['b'] = new Promise(() => {})
    const dialling = await follow(toDomain())
    await stand('192.0.2.1')
    await pass(14_000)
    await dialling.goOn({ step: 'tls', code: 'timeout' })
    await pass(1_000)
    expect(told.at(-1)).toBe('failed tls timeout')
  })

  test.each([
    ['it waits for its targets', () => Promise.resolve({ targets: [at('192.0.2.1')] })],
    ['it waits for addresses', () => ({ targets: [at('later')] })],
    ['it connects', () => ({ targets: [at('192.0.2.1'), at('192.0.2.2')] })],
    ['it is about to fail', () => ({ targets: [] })],
  ])('can be cancelled while %s, and leaves nothing open', async (_when, route) => {
    names.routes['example.org'] = route()
    names.hosts['later'] = Promise.resolve(['192.0.2.1'])
    const dialling = await follow(toDomain())
    dialling.cancel()
    told.length = 0
    await settled()
    await pass(60_000)
    expect(told).toEqual([])
    expect(alive()).toEqual([])
    expect(clock.pending).toBe(0)
  })
})

describe('if clients may name any domain', () => {
  const resolveTo = (addresses: string[]) => {
    names.routes['example.org'] = { targets: [at('a')] }
    names.hosts['a'] = addresses
  }

  test('private addresses are skipped', async () => {
    resolveTo(['fd00::1', '10.0.0.1', '2606:4700::1', '127.0.0.1', '8.8.8.8'])
    await follow(toDomain('example.org', { publicOnly: true }))
    expect(begun).toEqual(['0 2606:4700::1 8.8.8.8 5222'])
  })

  test.each(['127.0.0.1', '[::1]', '[::ffff:10.0.0.1]'])('the domain %s is refused', async domain => {
    await follow(toDomain(domain, { publicOnly: true }))
    expect(told).toEqual(['failed connect address-not-allowed'])
  })

  test('a name that resolves differently the second time is refused', async () => {
    resolveTo(['8.8.8.8'])
    const dialing = dialer({ publicOnly: true })
    await follow(dialing({ domain: 'example.org', server: undefined }))
    resolveTo(['127.0.0.1'])
    await follow(dialing({ domain: 'example.org', server: undefined }))
    expect(begun).toEqual(['0 8.8.8.8 5222'])
    expect(told.at(-1)).toBe('failed connect address-not-allowed')
  })
})
