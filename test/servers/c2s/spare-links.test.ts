import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Server } from '../../../src/config/config.js'
import { createLinks } from '../../../src/servers/c2s/links.js'
import type { SpareParts } from '../../../src/servers/c2s/spare-links.js'
import type { LinkOptions } from '../../../src/xmpp/link.js'
import { element } from '../../support/element.js'
import { eventually } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'
import { linksParts, usualServer } from '../../support/link-parts.js'
import { type ScriptedConnection, ScriptedServer } from '../../support/scripted-server.js'
import { certificate, features, plainHeader, serverHeader, startTlsAt, welcome } from './call.js'

let clock: FakeClock
let server: ScriptedServer
let links: ReturnType<typeof createLinks>
let hasRoom: boolean
/** XMPP_SERVERS, which a reload changes. */
let servers: Map<string, Server>

const auth = '<auth/>'

const at = (to: Partial<Server> = {}): Server => ({ ...usualServer, port: server.port, ca: certificate.cert, ...to })

function start(to: Partial<Server> = {}, spare: Partial<SpareParts> = {}): void {
  servers = new Map([['*', at(to)]])
  const parts = linksParts(clock, at(to), { config: { servers }, spare: { most: 8, hasRoom: () => hasRoom, ...spare } })
  links = createLinks(parts)
}

function open(options: Partial<LinkOptions> = {}, domain = 'example.org') {
  const told: string[] = []
  const link = links.open(
    domain,
    { lang: 'en', ...options },
    {
      onAhead() {
        told.push('ahead')
        link.send([element(auth)])
      },
      onOpen: () => void told.push('open'),
      onElement() {},
      onFlush: () => void told.push('flush'),
      onEnd: ({ failure: { step, code }, isStale }) =>
        void told.push(`end ${step} ${code}${isStale === true ? ', stale' : ''}`),
    },
  )
  /** Resolves with all that is told. */
  const hears = async (line: string) => {
    await eventually(`${line} is told`, () => told.some(each => each.startsWith(line)))
    return told
  }
  return { link, told, hears }
}

/** Each on its own connection. The headers have arrived at the server. */
async function logIn(logins = 1): Promise<void> {
  for (let login = 0; login < logins; login++) {
    open()
    await (await server.connection()).until(plainHeader)
  }
}

/** The first spare link is dialled after the third login. */
async function firstSpare(): Promise<ScriptedConnection> {
  await logIn(3)
  return spareConnection()
}

async function spareConnection(): Promise<ScriptedConnection> {
  const peer = await server.connection()
  await eventually('it is a spare link', () => links.spares.size === 1)
  return peer
}

/** Resolves once the only timers are those of the logins, of the sweep and of the keepalive. */
async function usable(): Promise<void> {
  await eventually('the spare links are ready', () => {
    clock.advance(0)
    return clock.pending === links.size + 2
  })
  await new Promise(resolve => setImmediate(resolve))
}

/** A spare link that a login can use. */
async function readySpare(): Promise<ScriptedConnection> {
  start()
  const spare = await firstSpare()
  await usable()
  return spare
}

/** Dialled after three logins over STARTTLS. Not encrypted yet. */
async function spareBeforeTls(): Promise<ScriptedConnection> {
  start({ tls: 'starttls' })
  for (let login = 0; login < 3; login++) {
    open()
    const peer = await server.connection()
    await startTlsAt(peer)
    await peer.until("streams'>")
  }
  return spareConnection()
}

async function encryptedSpare(): Promise<ScriptedConnection> {
  const spare = await spareBeforeTls()
  await startTlsAt(spare)
  await usable()
  return spare
}

beforeEach(async () => {
  clock = new FakeClock()
  hasRoom = true
  server = await ScriptedServer.start()
})
afterEach(() => {
  links.stop()
  server.stop()
})

describe('a spare link is dialled', () => {
  test('after the third login of a minute, and sends nothing until it is used', async () => {
    start()
    await logIn(2)
    expect(links.spares.size).toBe(0)
    await logIn()
    const spare = await spareConnection()
    expect(spare.unread).toBe('')
    await usable()
    open()
    expect(await spare.until(plainHeader)).toBe(plainHeader)
    // The login dialled no connection, so this is a spare link.
    const next = await spareConnection()
    expect(next.unread).toBe('')
    spare.reset()
    next.reset()
  })

  test('for every five logins of the last minute, up to the limit', async () => {
    start({}, { most: 3 })
    for (const expected of [0, 0, 1]) {
      await logIn()
      expect(links.spares.size).toBe(expected)
    }
    // A login without a ready spare link dials its own connection.
    for (let login = 4; login <= 30; login++) open()
    await eventually('there are as many as may be', () => links.spares.size === 3)
  })

  test('at most once for each login and each spare link', async () => {
    start()
    let dials = 0
    const count = async () => {
      for (;;) {
        await server.connection()
        dials += 1
      }
    }
    void count()
    for (let login = 1; login <= 60; login++) {
      open()
      await usable()
    }
    await eventually('all have come', () => dials >= 60)
    expect(links.spares.size).toBe(8)
    expect(dials).toBeLessThanOrEqual(68)
  })

  test('not if spare links are off, or no descriptors are left', async () => {
    start({}, { most: 0 })
    await logIn(4)
    expect([links.spares.size, clock.pending]).toEqual([0, 5])
    hasRoom = false
    start()
    await logIn(4)
    expect(links.spares.size).toBe(0)
  })

  test.each<[string, Partial<LinkOptions>, string]>([
    ['with a certificate', { certificate: true }, 'example.org'],
    ['of another domain', {}, 'example.net'],
  ])('not for logins %s, which use no spare links', async (_which, options, domain) => {
    const spare = await readySpare()
    open(options, domain)
    const own = await server.connection()
    await own.until(`to='${domain}'`)
    expect([links.spares.size, spare.unread]).toEqual([1, ''])
  })
})

describe('a spare link ends', () => {
  test('after twenty seconds, and leaves no timer', async () => {
    const spare = await readySpare()
    clock.advance(19_000)
    expect(links.spares.size).toBe(1)
    clock.advance(1_000)
    expect(links.spares.size).toBe(0)
    await spare.gone
    for (let second = 0; second < 300; second++) clock.advance(1_000)
    // The time limits of the logins have ended too. One timer is that of the keepalive.
    expect(clock.pending).toBe(links.size + 1)
  })

  test.each([
    ['the server closes it', (peer: ScriptedConnection) => peer.end()],
    ['the server resets it', (peer: ScriptedConnection) => peer.reset()],
    ['the server sends anything', (peer: ScriptedConnection) => peer.send(serverHeader)],
  ])('if %s; then two more logins dial no other link', async (_what, act) => {
    const spare = await readySpare()
    act(spare)
    await eventually('it is dropped', () => links.spares.size === 0)
    await spare.gone
    await logIn(2)
    expect(links.spares.size).toBe(0)
    await logIn()
    expect(links.spares.size).toBe(1)
  })

  test('if descriptors become few', async () => {
    start()
    const spare = await firstSpare()
    hasRoom = false
    clock.advance(1_000)
    expect(links.spares.size).toBe(0)
    await spare.gone
  })

  test('with a close alert of TLS', async () => {
    const spare = await encryptedSpare()
    const received = spare.raw.bytesRead
    clock.advance(20_000)
    await spare.gone
    expect(spare.raw.bytesRead).toBeGreaterThan(received)
  })

  test('at a stop, without delaying it', async () => {
    start()
    const spare = await firstSpare()
    expect(links.size).toBe(3)
    links.spares.close()
    expect(links.spares.size).toBe(0)
    await spare.gone
    open()
    await (await server.connection()).until(plainHeader)
    expect(links.spares.size).toBe(0)
  })

  test('if it cannot be encrypted', async () => {
    const spare = await spareBeforeTls()
    await welcome(spare)
    await eventually('it is dropped', () => links.spares.size === 0)
    await spare.gone
  })
})

test('after a change of XMPP_SERVERS a login uses no spare link that a login of before has dialled', async () => {
  start()
  for (let login = 0; login < 3; login++) open()
  servers.set('*', at({ tls: 'starttls' }))
  links.spares.drop()
  for (let login = 0; login < 3; login++) await (await server.connection()).until(plainHeader)
  const old = await spareConnection()
  await usable()
  const { link } = open()
  expect(links.spares.size).toBe(1)
  const own = await server.connection()
  await startTlsAt(own)
  await own.until("streams'>")
  expect([old.unread, link.facts.encrypted]).toEqual(['', true])
})

describe('a login on a spare link', () => {
  test('begins after STARTTLS and TLS, with the certificate checked', async () => {
    const spare = await encryptedSpare()
    const { link, hears } = open({ from: 'juliet@example.org' })
    const header = await spare.until("streams'>")
    expect(header).toContain("to='example.org' from='juliet@example.org'")
    expect(link.facts.encrypted).toBe(true)
    // Only TLS 1.3 has it.
    expect(link.facts.channelBinding?.('tls-exporter')).toHaveLength(32)
    spare.send(serverHeader + features)
    expect(await hears('flush')).toEqual(['open', 'flush'])
  })

  test('is pipelined also over TLS 1.3, because the session tickets have arrived', async () => {
    const spare = await encryptedSpare()
    spare.packets.length = 0
    const { told, hears } = open({ ahead: 'proven' })
    await spare.until(auth)
    expect([told, spare.packets.join('').startsWith(' ')]).toEqual([['ahead'], false])
    clock.advance(999)
    spare.send(serverHeader)
    await hears('flush')
    expect(spare.unread).toBe('')
  })

  test('that is cancelled before it begins closes the link', async () => {
    const spare = await readySpare()
    const before = links.size
    open().link.close()
    await spare.gone
    expect([links.size, links.spares.size, spare.unread]).toEqual([before, 0, ''])
  })

  test('whose link had died is dialled again, without an error', async () => {
    const spare = await readySpare()
    const login = open()
    await spare.until(plainHeader)
    spare.reset()
    let peer = await server.connection()
    // The next spare link was dialled before.
    if (links.spares.size === 1) peer = await server.connection()
    await welcome(peer)
    expect(await login.hears('flush')).toEqual(['open', 'flush'])
  })

  test('whose link was dead may be repeated, if it was pipelined', async () => {
    const spare = await readySpare()
    const login = open({ ahead: 'proven' })
    await spare.until(auth)
    spare.reset()
    expect(await login.hears('end')).toEqual(['ahead', 'end features remote-connection-failed, stale'])
  })

  test('whose link breaks later fails like any other login', async () => {
    const spare = await readySpare()
    const login = open()
    await spare.until(plainHeader)
    spare.send(serverHeader)
    await login.hears('flush')
    spare.reset()
    expect(await login.hears('end')).toEqual(['open', 'flush', 'end features remote-connection-failed'])
  })
})
