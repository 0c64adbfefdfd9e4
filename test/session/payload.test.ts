import { expect, test } from '@jest/globals'
import { inspect } from '../../src/session/payload.js'

const faultOf = (name: string, namespace: string) => {
  const text = `<${name} xmlns='${namespace}'/>`
  return inspect([{ name, namespace, text }], { maxStanzaBytes: 1_000, refused: () => {} }).fault
}

test.each([
  ['starttls', 'urn:ietf:params:xml:ns:xmpp-tls'],
  ['compress', 'http://jabber.org/protocol/compress'],
])('a client cannot negotiate with <%s/>, but elements with this name or this namespace pass', (name, namespace) => {
  expect(faultOf(name, namespace)).toBe('bad-request')
  expect([faultOf(name, 'urn:example'), faultOf('other', namespace)]).toEqual([undefined, undefined])
})
