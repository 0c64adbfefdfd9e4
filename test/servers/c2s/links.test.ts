import { performance } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { Server } from '../../../src/config/config.js'
import { createDialer, type Destination, type Search } from '../../../src/servers/c2s/dial.js'
import { createLinks } from '../../../src/servers/c2s/links.js'
import { TcpLink } from '../../../src/servers/c2s/tcp-link.js'
import type { Route } from '../../../src/servers/net/name-lookup.js'
import { FakeClock } from '../../support/fake-clock.js'
import { dialerParts, linksParts, usualServer } from '../../support/link-parts.js'
import { opened, startServer, stopServers, welcome } from './call.js'

afterEach(stopServers)

let clock: FakeClock
let dialled: string[]

/** Looks up all domains without end. */
function notingDialer({ domain, server }: Destination): Search {
  dialled.push(server === undefined ? `domain ${domain}` : `server ${server.host}`)
  const parts = dialerParts(clock)
  const routeTo = () => new Promise<Route>(() => {})
  return createDialer({ ...parts, names: { ...parts.names, routeTo } })({ domain, server: undefined })
}

const named = (host: string, port = 5222): Server => ({ ...usualServer, host, port })
const silent = { onElement() {}, onEnd() {} }
const options = { lang: 'en' }

beforeEach(() => {
  clock = new FakeClock()
  dialled = []
})

describe('a link to a domain', () => {
  const servers = new Map([
    ['example.org', named('own')],
    ['*', named('all')],
  ])
  const links = (servers: ReadonlyMap<string, Server>) =>
    createLinks(linksParts(clock, named('all'), { config: { servers }, dialer: notingDialer }))

  test.each([
    ['the server in the settings for this domain', 'example.org', servers, 'server own'],
    ['the server in the settings for all other domains', 'example.net', servers, 'server all'],
    ['the server that DNS names', 'example.net', new Map([['example.org', named('own')]]), 'domain example.net'],
  ])('goes to %s', (_where, domain, servers, expected) => {
    links(servers).open(domain, options, silent).close()
    expect(dialled).toEqual([expected])
  })

  test('is counted until its connection is closed', () => {
    const all = links(servers)
    const link = all.open('example.org', options, silent)
    all.open('example.net', options, silent)
    expect(all.size).toBe(2)
    link.close()
    expect(all.size).toBe(1)
  })
})

test('an idle link is kept open by spaces, until the links are stopped', async () => {
  const listener = await startServer()
  const links = createLinks(linksParts(clock, named('127.0.0.1', listener.port)))
  const flushed = new Promise<void>(resolve => {
    links.open('example.org', options, { ...silent, onFlush: resolve })
  })
  const peer = await listener.connection()
  await welcome(peer)
  await flushed
  clock.advance(60_000)
  clock.advance(60_000)
  expect(await peer.until(' ')).toBe(' ')
  links.stop()
  expect(clock.pending).toBe(0)
})

test('spaces for many links take 10 ms of a turn', async () => {
  let now = 0
  let kept = 0
  const links = createLinks(linksParts(clock, named('all'), { dialer: notingDialer }))
  for (let count = 0; count < 5; count++) links.open('example.org', options, silent)
  await turn()
  jest.spyOn(performance, 'now').mockImplementation(() => now)
  jest.spyOn(TcpLink.prototype, 'keepAlive').mockImplementation(() => {
    now += 4
    kept += 1
  })
  clock.advance(60_000)
  expect(kept).toBe(3)
  await turn()
  expect(kept).toBe(5)
  jest.restoreAllMocks()
})

test('what a server sends to many links at once is read at once, and handed on in 10 ms of each turn', async () => {
  const calls: Awaited<ReturnType<typeof opened>>['call'][] = []
  while (calls.length < 5) calls.push((await opened()).call)
  let now = 0
  let read = 0
  let handedOn = 0
  for (const call of calls)
    call.onTold = line => {
      if (line !== 'flush') read += 1
      else {
        now += 4
        handedOn += 1
      }
    }
  await turn()
  jest.spyOn(performance, 'now').mockImplementation(() => now)
  for (const { link } of calls) link.onData(Buffer.from('<message/>'))
  expect([read, handedOn]).toEqual([5, 3])
  calls[4]!.link.cut()
  await turn()
  expect(handedOn).toBe(4)
  jest.restoreAllMocks()
})
