// A link to a scripted server, with a record of the link's events.

import type { TLSSocket, TLSSocketOptions } from 'node:tls'
import { expect } from '@jest/globals'
import type { Server } from '../../../src/config/config.js'
import { WaitingMemory } from '../../../src/lib/limits/waiting-memory.js'
import { createDialer } from '../../../src/servers/c2s/dial.js'
import { type LinkParts, TcpLink } from '../../../src/servers/c2s/tcp-link.js'
import type { LinkEvents, LinkOptions } from '../../../src/xmpp/link.js'
import { makeCertificate } from '../../support/certificates.js'
import { eventually } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'
import { dialerParts, usualServer } from '../../support/link-parts.js'
import { type ScriptedConnection, ScriptedServer } from '../../support/scripted-server.js'

export const streams = 'http://etherx.jabber.org/streams'
export const ourHeader = (attributes: string) =>
  `<?xml version='1.0'?><stream:stream ${attributes} xmlns='jabber:client' xmlns:stream='${streams}'>`
export const plainHeader = ourHeader("to='example.org' version='1.0' xml:lang='en'")
export const serverHeader = `<?xml version='1.0'?><stream:stream from='example.org' id='1' version='1.0' xmlns='jabber:client' xmlns:stream='${streams}'>`
export const footer = '</stream:stream>'
export const features = '<stream:features/>'
export const startTlsOffer =
  "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
export const startTls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
export const proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

export const featuresSeen = `<stream:features xmlns:stream='${streams}'/>`

interface CallOptions extends Partial<LinkOptions> {
  readonly domain?: string
}

export class Call {
  readonly told: string[] = []
  readonly clock = new FakeClock()
  readonly link: TcpLink
  readonly ends: Parameters<LinkEvents['onEnd']>[0][] = []
  onTold: (line: string) => void = () => {}
  isClosed = false
  #wake: () => void = () => {}

  constructor(
    server: Partial<Server>,
    { domain = 'example.org', ...options }: CallOptions = {},
    parts: Partial<LinkParts> = {},
  ) {
    this.link = new TcpLink(
      domain,
      { ...usualServer, ...server },
      { lang: 'en', ...options },
      {
        onAhead: () => this.#tell('ahead'),
        onOpen: ({ id, from }) => this.#tell(`open ${id} ${from}`),
        onElement: ({ text }) => this.#tell(text),
        onDropped: () => this.#tell('dropped'),
        onFlush: () => this.#tell('flush'),
        onDrain: () => this.#tell('drain'),
        onEnd: end => {
          this.ends.push(end)
          const { step, code, condition } = end.failure
          this.#tell(`end ${step} ${code}${condition === undefined ? '' : ` ${condition}`}`)
        },
      },
      {
        dialer: createDialer(dialerParts(this.clock)),
        clock: this.clock,
        stepSeconds: 10,
        certificates: { note() {} },
        waiting: new WaitingMemory(),
        onFailed: () => {},
        onClosed: () => {
          this.isClosed = true
          this.#tell('closed')
        },
        ...parts,
      },
    )
  }

  /** Resolves with all that is told. */
  async hears(start: string): Promise<readonly string[]> {
    while (!this.told.some(line => line.startsWith(start)))
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    return this.told
  }

  #tell(line: string): void {
    this.told.push(line)
    this.onTold(line)
    this.#wake()
  }
}

const servers: ScriptedServer[] = []
const calls: Call[] = []

/** Has them stopped after the test. */
export function keep(call: Call, ...listeners: readonly ScriptedServer[]): void {
  calls.push(call)
  servers.push(...listeners)
}

export async function startServer(): Promise<ScriptedServer> {
  const server = await ScriptedServer.start()
  servers.push(server)
  return server
}

export async function connect(
  server: Partial<Server> = {},
  options: CallOptions = {},
  parts: Partial<LinkParts> = {},
  onTold: (line: string, call: Call) => void = () => {},
) {
  const listener = await startServer()
  const call = new Call({ ...server, port: listener.port }, options, parts)
  call.onTold = line => onTold(line, call)
  keep(call)
  return { call, peer: await listener.connection() }
}

/** The server's side of a stream, up to its features. */
export async function welcome(peer: ScriptedConnection): Promise<void> {
  await peer.until("streams'>")
  peer.send(serverHeader + features)
}

/** The server's side of STARTTLS. */
export async function startTlsAt(
  peer: ScriptedConnection,
  options: TLSSocketOptions = certificate,
): Promise<TLSSocket> {
  await peer.until(plainHeader)
  peer.send(serverHeader + startTlsOffer)
  await peer.until(startTls)
  peer.send(proceed)
  return peer.secure(options)
}

/** Without TLS. The features have arrived. */
export async function opened(parts: Partial<LinkParts> = {}) {
  const { call, peer } = await connect({}, {}, parts)
  await welcome(peer)
  await call.hears('flush')
  call.told.length = 0
  return { call, peer }
}

export const certificate = makeCertificate(['DNS:example.org'])

/** STARTTLS is requested, and not answered. */
export async function proceeding(server: Partial<Server> = {}, options: CallOptions = {}) {
  const { call, peer } = await connect({ tls: 'starttls', ca: certificate.cert, ...server }, options)
  await peer.until(plainHeader)
  peer.send(serverHeader + startTlsOffer)
  await peer.until(startTls)
  return { call, peer }
}

/** The header has arrived at the server. */
export async function encrypted(tls: TLSSocketOptions = {}, options: CallOptions = {}) {
  const { call, peer } = await connect({ tls: 'starttls', ca: certificate.cert }, options)
  const socket = await startTlsAt(peer, { ...certificate, ...tls })
  await peer.until("<?xml version='1.0'?>")
  const header = await peer.until('>')
  return { call, peer, socket, header }
}

/** The server ends the connection too. Resolves with all that is told. */
export async function ended(call: Call, peer: ScriptedConnection, last?: string): Promise<readonly string[]> {
  peer.end(last)
  await peer.gone
  return call.hears('closed')
}

/** What happens after exactly this time, and not before. */
export function toldAfter({ clock, told }: Call, milliseconds: number): string[] {
  const before = told.length
  clock.advance(milliseconds - 1)
  expect(told).toHaveLength(before)
  clock.advance(1)
  return told.slice(before)
}

/** A second timer starts after a ticket. */
export const ticketed = (call: Call) => eventually('a ticket is read', () => call.clock.pending === 2)

/** Breaks all connections. Each link that is still open must notice that. */
export async function stopServers(): Promise<void> {
  for (const server of servers.splice(0)) server.stop()
  for (const call of calls.splice(0)) await eventually('the link is closed', () => call.isClosed)
}
