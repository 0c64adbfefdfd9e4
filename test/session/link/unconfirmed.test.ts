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

const ways: Readonly<Record<string, () => readonly Element[]>> = {
  'in large requests': () => inBody(stanza.repeat(1_000)),
  'in a request each': () => inBody(stanza),
  'in a request each, with 4,000 characters': () => inBody(stanza + space),
  'in a request each, with 4,000 characters of two bytes': () => inBody(stanza + space, " xml:lang='Ā'"),
  'in a request each, with 500 characters of two bytes': () => inBody(stanza + ' '.repeat(350), " xml:lang='Ā'"),
  'with CDATA': () => inBody(stanza.replace('/>', '><![CDATA[]]></iq>') + space),
  'in messages of a WebSocket': () => [readMessage(Buffer.from(stanza)) as Element],
  'of 300 characters': () => inBody(stanza.replace('/>', `>${'x'.repeat(270)}</iq>`)),
}

test('the counted memory of small unconfirmed stanzas is about their memory', () => {
  const kept: Unconfirmed[] = []
  for (const make of Object.values(ways)) make()
  collectGarbage()
  let before = process.memoryUsage().heapUsed
  for (const [how, make] of Object.entries(ways)) {
    const unconfirmed = new Unconfirmed()
    kept.push(unconfirmed)
    while (unconfirmed.stanzas.length < 2_000) unconfirmed.sent(make())
    // Slow: so each way begins where the one before has ended.
    collectGarbage()
    const after = process.memoryUsage().heapUsed
    // 2.7 times as much with characters of two bytes, and V8's own memory varies by half a megabyte.
    expect([how, after - before < 4 * unconfirmed.bytes]).toEqual([how, true])
    expect([how, unconfirmed.bytes / unconfirmed.stanzas.length < 1_200]).toEqual([how, true])
    before = after
  }
  expect(kept).toHaveLength(Object.keys(ways).length)
})
