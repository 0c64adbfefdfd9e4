// A page that takes a session of alice's over, usually at plain.example, as an XMPP client does it, over a real WebSocket.
import { expect } from '@jest/globals'
import { framingNamespace } from '../../src/xmpp/namespaces.js'
import * as say from '../browsers/websocket/pages.js'
import { WebSocketWire } from './websocket-wire.js'

const opening = (domain: string) => `<open xmlns='${framingNamespace}' to='${domain}' version='1.0'/>`

export const open = opening('plain.example')

export async function openPage(
  url: string,
  path: string,
  headers: Record<string, string> = {},
  domain = 'plain.example',
): Promise<WebSocketWire> {
  const wire = await WebSocketWire.open(url, { path, headers })
  wire.send(opening(domain))
  expect(await wire.message()).toMatch(/^<open /)
  expect(await wire.message()).toContain('HT-SHA-256-NONE')
  return wire
}

export async function read(wire: WebSocketWire, count: number): Promise<string[]> {
  const messages: string[] = []
  while (messages.length < count) messages.push(await wire.message())
  return messages
}

/** Logs in by SASL, and asks for a resource. Returns the full JID that it is told. */
export async function take(wire: WebSocketWire, token: string, domain = 'plain.example'): Promise<string> {
  wire.send(say.auth(token, 'alice'), opening(domain), say.bind)
  const messages = await read(wire, 4)
  return /<jid>([^<]*)</.exec(messages[3]!)![1]!
}
