// Pages that attach to sessions over WebSocket.
import { createHmac } from 'node:crypto'
import { expect } from '@jest/globals'
import {
  bind2Namespace,
  bindNamespace,
  sasl2Namespace,
  saslNamespace,
  smNamespace,
} from '../../../src/xmpp/namespaces.js'
import { type BenchOptions, BoshBench, type Client } from '../../support/bosh-bench.js'
import { type AttachOptions, connectPage, type FakeWebSocket, open } from '../../support/fake-web-socket.js'
import { resumable } from '../../support/next-process.js'

export const streamError = (condition: string) =>
  expect.stringContaining(`<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>`)

export const benchWithTickets = (about: BenchOptions = {}, domains?: readonly string[]) =>
  new BoshBench({}, domains, { issuesTickets: true, ...about })

export const plain = (token: string, user = 'juliet') => Buffer.from(`\0${user}\0${token}`).toString('base64')

export const auth = (token: string, user?: string) =>
  `<auth xmlns='${saslNamespace}' mechanism='PLAIN'>${plain(token, user)}</auth>`

export const authenticate = (token: string, user?: string, bind = true) =>
  `<authenticate xmlns='${sasl2Namespace}' mechanism='PLAIN'><initial-response>${plain(token, user)}</initial-response>` +
  `${bind ? `<bind xmlns='${bind2Namespace}'/>` : ''}</authenticate>`

/** What the page proves that it has the token with, or the service (`Responder`). */
export const proofBy = (token: string, by = 'Initiator') => createHmac('sha256', token).update(by).digest()

/** Shows a hash of the token instead of the token. */
export function authenticateHashed(token: string, more = ''): string {
  const initial = Buffer.concat([Buffer.from('juliet\0'), proofBy(token)]).toString('base64')
  return (
    `<authenticate xmlns='${sasl2Namespace}' mechanism='HT-SHA-256-NONE'>` +
    `<initial-response>${initial}</initial-response>${more}</authenticate>`
  )
}

export const bind = `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='${bindNamespace}'><resource>mine</resource></bind></iq>`
export const enable = `<enable xmlns='${smNamespace}' resume='true'/>`
export const request = `<r xmlns='${smNamespace}'/>`
export const ack = (count: number) => `<a xmlns='${smNamespace}' h='${count}'/>`
export const resume = (id: string, count: number) => `<resume xmlns='${smNamespace}' previd='${id}' h='${count}'/>`
export const notAuthorized = `<failure xmlns='${saslNamespace}'><not-authorized/></failure>`
export const stanza = (id: string | number, more = '') => `<message xmlns='jabber:client' id='${id}'>${more}</message>`

/** A connection that has sent its token, but neither binds nor resumes yet. */
export function logIn(bench: BoshBench, token: string, options?: AttachOptions): FakeWebSocket {
  const socket = connectPage(bench, options)
  socket.receive(open())
  socket.receive(authenticate(token, undefined, false))
  return socket
}

/** A page that has bound its resource, and sent nothing since. Earlier messages are removed from `sent`. */
export function attachPageSilently(bench: BoshBench, token: string, options?: AttachOptions): FakeWebSocket {
  const socket = logIn(bench, token, options)
  socket.receive(bind)
  if (socket.sent[4]?.includes('<jid>') !== true) throw new Error(`not taken over: ${socket.sent}`)
  socket.sent.splice(0, 5)
  return socket
}

/** A page that has also sent a message, which does not go to the server. */
export function attachPage(bench: BoshBench, token: string, options?: AttachOptions): FakeWebSocket {
  const socket = attachPageSilently(bench, token, options)
  socket.receive(request)
  if (socket.sent.shift()?.includes('<unexpected-request ') !== true) throw new Error('not heard')
  return socket
}

/** A page that has enabled stream management. Returns the id of the stream. */
export function attachPageCounting(
  bench: BoshBench,
  token: string,
  options?: AttachOptions,
): { socket: FakeWebSocket; id: string } {
  const socket = attachPageSilently(bench, token, options)
  socket.receive(enable)
  const id = / id='([^']+)'/.exec(socket.sent.shift()!)![1]!
  return { socket, id }
}

/** A bench whose pages get tickets, and a session handed out on it. */
export async function warmedWithTickets(about?: BenchOptions, domains?: readonly string[]) {
  const bench = benchWithTickets(about, domains)
  return { bench, client: await bench.warmed() }
}

/** The same, and the page that has attached to the session. */
export async function attachedPage(about?: BenchOptions, options?: AttachOptions) {
  const { bench, client } = await warmedWithTickets(about)
  return { bench, client, page: attachPage(bench, client.token!, options) }
}

/** The same, and the page has enabled stream management. */
export async function countingPage(about?: BenchOptions) {
  const { bench, client } = await warmedWithTickets(about)
  return { bench, client, ...attachPageCounting(bench, client.token!) }
}

/** The same, and the server counts stanzas as well. */
export async function managedPage(about?: BenchOptions) {
  const { bench, client, mending } = await resumable(benchWithTickets(about))
  return { bench, client, mending, link: client.link, ...attachPageCounting(bench, client.token!) }
}

/** The token for a backend that resumes the session. */
export async function newToken(bench: BoshBench, client: Client): Promise<string> {
  return (await bench.resume(client)).token!
}

/** A page that resumes its stream over a new connection. What it got before the answer is removed from `sent`. */
export async function comeBack(bench: BoshBench, client: Client, id: string, count: number): Promise<FakeWebSocket> {
  const socket = logIn(bench, await newToken(bench, client))
  socket.sent.length = 0
  socket.receive(resume(id, count))
  return socket
}
