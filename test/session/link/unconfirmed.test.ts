import { expect, test } from '@jest/globals'
import { parseBody } from '../../../src/browsers/bosh/body.js'
import { readMessage } from '../../../src/browsers/websocket/framing.js'
import { Unconfirmed } from '../../../src/session/link/unconfirmed.js'
import { boshNamespace } from '../../../src/xmpp/namespaces.js'
import type { Element } from '../../../src/xmpp/xml/element.js'
import { collectGarbage } from '../../support/collected.js'

const stanza = "<iq xmlns='jabber:client'/>"
const space = ' '.repeat(3_900)

function inBody(content: string, attributes = ''): readonly Element[] {
  const text = `<body xmlns='${boshNamespace}' rid='1' sid='some-sid'${attributes}>${content}</body>`
  return parseBody(Buffer.from(text).toString()).payload
}

test.each([
  ['in large requests', () => inBody(stanza.repeat(4_000))],
  ['in a request each', () => inBody(stanza)],
  ['in a request each, with 4,000 characters', () => inBody(stanza + space)],
  ['in a request each, with 4,000 characters of two bytes', () => inBody(stanza + space, " xml:lang='Ā'")],
  ['in a request each, with 500 characters of two bytes', () => inBody(stanza + ' '.repeat(350), " xml:lang='Ā'")],
  ['with CDATA', () => inBody(stanza.replace('/>', '><![CDATA[]]></iq>') + space)],
  ['in messages of a WebSocket', () => [readMessage(Buffer.from(stanza)) as Element]],
  ['of 300 characters', () => inBody(stanza.replace('/>', `>${'x'.repeat(270)}</iq>`))],
])('the counted memory of small unconfirmed stanzas is about their memory: %s', (_how, make) => {
  const unconfirmed = new Unconfirmed()
  make()
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  while (unconfirmed.stanzas.length < 8_000) unconfirmed.sent(make())
  collectGarbage()
  const used = process.memoryUsage().heapUsed - before
  expect(used).toBeLessThan(3 * unconfirmed.bytes)
  expect(unconfirmed.bytes / unconfirmed.stanzas.length).toBeLessThan(1_200)
})
