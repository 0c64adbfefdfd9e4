import { describe, expect, test } from '@jest/globals'
import { boundJid } from '../../src/bosh/bound-jid.js'
import { readElement } from '../../src/xml/document.js'

const bind = (jid: string, attributes = "type='result' id='b'") =>
  `<iq xmlns='jabber:client' ${attributes}><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${jid}</jid></bind></iq>`
const success = (jid: string) =>
  `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>${jid}</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>`

function read(text: string, domain = 'chat.example'): string | undefined {
  const { name, namespace } = readElement(text).root
  return boundJid({ name, namespace, text }, domain)
}

describe('the JID that a server tells', () => {
  test.each([
    ['the result of a bind', bind('romeo@chat.example/garden'), 'romeo@chat.example/garden'],
    ['a success that binds', success('romeo@chat.example/garden'), 'romeo@chat.example/garden'],
    [
      'a result with prefixes',
      `<c:iq xmlns:c='jabber:client' type='result'><b:bind xmlns:b='urn:ietf:params:xml:ns:xmpp-bind'><b:jid>romeo@chat.example/a</b:jid></b:bind></c:iq>`,
      'romeo@chat.example/a',
    ],
    [
      'a resource with everything in it',
      bind('romeo@chat.example/a/b@c &lt;é&gt;'),
      'romeo@chat.example/a/b@c <é>',
    ],
    [
      'a result from the server',
      bind('romeo@chat.example/a', "type='result' from='chat.example'"),
      'romeo@chat.example/a',
    ],
    [
      'a result from the own account',
      bind('romeo@chat.example/a', "type='result' from='romeo@chat.example'"),
      'romeo@chat.example/a',
    ],
  ])('is read from %s', (_what, text, jid) => {
    expect(read(text)).toBe(jid)
  })

  test('may write its domain in another way', () => {
    expect(read(bind('romeo@Bücher.example/a'), 'xn--bcher-kva.example')).toBe('romeo@Bücher.example/a')
  })

  test.each([
    ['what somebody else sends', bind('romeo@chat.example/a', "type='result' from='mallory@chat.example/x'")],
    ['what another server sends', bind('romeo@chat.example/a', "type='result' from='evil.example'")],
    ['a user of another domain', bind('romeo@other.example/a')],
    ['a request', bind('romeo@chat.example/a', "type='set'")],
    ['an error', bind('romeo@chat.example/a', "type='error'")],
    ['a bare JID', bind('romeo@chat.example')],
    ['a JID without a user', bind('chat.example/a')],
    ['a success that binds nothing', success('romeo@chat.example')],
    ['a success of the older login', "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>dj0=</success>"],
    [
      'a bind further down',
      `<iq xmlns='jabber:client' type='result'><x xmlns='x'>${bind('romeo@chat.example/a')}</x></iq>`,
    ],
    ['a message', bind('romeo@chat.example/a').replaceAll('iq', 'message')],
    ['any other result', "<iq xmlns='jabber:client' type='result' id='1'/>"],
  ])('is not read from %s', (_what, text) => {
    expect(read(text)).toBeUndefined()
  })
})
