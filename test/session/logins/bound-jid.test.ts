import { describe, expect, test } from '@jest/globals'
import { bindAnswer, bindRequest, jidInSuccess } from '../../../src/session/logins/bound-jid.js'
import { readElement } from '../../../src/xmpp/xml/document.js'
import type { Element } from '../../../src/xmpp/xml/element.js'

const bindNamespace = 'urn:ietf:params:xml:ns:xmpp-bind'
const bound = (told: string) => `<bind xmlns='${bindNamespace}'><jid>${told}</jid></bind>`
const bind = (told: string, attributes = "type='result' id='b'") =>
  `<iq xmlns='jabber:client' ${attributes}>${bound(told)}</iq>`
const jid = 'romeo@chat.example/a'
const success = (told: string) =>
  `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>${told}</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>`

function element(text: string): Element {
  const { name, namespace } = readElement(text).root
  return { name, namespace, text }
}

const answer = (text: string, domain = 'chat.example') => bindAnswer(element(text), domain)

describe('the JID from the server', () => {
  test.each([
    ['the result of a bind', bind(jid)],
    [
      'a result with prefixes',
      `<c:iq xmlns:c='jabber:client' type='result' id='b'><b:bind xmlns:b='${bindNamespace}'><b:jid>${jid}</b:jid></b:bind></c:iq>`,
    ],
    ['a result from the server', bind(jid, "type='result' id='b' from='chat.example'")],
    ['a result from the user’s account', bind(jid, "type='result' id='b' from='romeo@chat.example'")],
  ])('is read from %s', (_what, text) => {
    expect(answer(text)).toEqual({ id: 'b', jid })
  })

  test('may have a resource with special characters', () => {
    expect(answer(bind('romeo@chat.example/a/b@c &lt;é&gt;'))?.jid).toBe('romeo@chat.example/a/b@c <é>')
  })

  test('is read from a success of SASL2, also if that has no resource', () => {
    for (const told of [jid, 'romeo@chat.example'])
      expect(jidInSuccess(element(success(told)), 'chat.example')).toBe(told)
    expect(jidInSuccess(element(success('romeo@other.example')), 'chat.example')).toBeUndefined()
    expect(jidInSuccess(element(success('chat.example')), 'chat.example')).toBeUndefined()
    expect(jidInSuccess(element(success(jid + 'x'.repeat(3_071))), 'chat.example')).toBeUndefined()
  })

  test('may be spelled differently from the requested domain', () => {
    const text = bind('romeo@Bücher.example/a', "type='result' id='b' from='bücher.example'")
    expect(answer(text, 'xn--bcher-kva.example')?.jid).toBe('romeo@Bücher.example/a')
  })

  const result = (inner: string) => `<iq xmlns='jabber:client' type='result' id='b'>${inner}</iq>`

  test.each([
    ['a user of another domain', bind('romeo@other.example/a')],
    ['a bare JID', bind('romeo@chat.example')],
    ['a JID without a user', bind('chat.example/a')],
    ['a JID of more than 3,071 characters', bind(`${jid}${'x'.repeat(3_071)}`)],
    ['an error', bind(jid, "type='error' id='b'")],
    ['any other result', "<iq xmlns='jabber:client' type='result' id='b'/>"],
    ['a result with two binds', result(bound('mallory@chat.example/x') + bound(jid))],
    ['a bind beside something else', result(`${bound(jid)}<x xmlns='x'/>`)],
    ['a bind further down', result(`<x xmlns='x'>${bound(jid)}</x>`)],
    ['a JID of another namespace', result(bound(jid).replace('<jid>', "<jid xmlns='x'>"))],
    ['a bind of another namespace', bind(jid).replace(bindNamespace, 'urn:xmpp:bind:0')],
  ])('is not read from %s, although the server sends it', (_what, text) => {
    expect(answer(text)).toEqual({ id: 'b', jid: undefined })
  })

  test.each([
    ['another user', "from='mallory@chat.example/x'"],
    ['another user’s account', "from='mallory@chat.example'"],
    ['another session of the same user', "from='romeo@chat.example/b'"],
    ['the session itself', "from='romeo@chat.example/a'"],
    ['another server', "from='evil.example'"],
    ['a component of the server', "from='room.chat.example'"],
    ['a user part at the server’s domain', "from='chat.example/x'"],
    ['an invalid sender', "from=''"],
  ])('is not read from stanzas of %s', (_what, from) => {
    expect(answer(bind(jid, `type='result' id='b' ${from}`))).toBeUndefined()
  })

  test.each([
    ['a request', bind(jid, "type='set' id='b'")],
    ['an answer without an id', bind(jid, "type='result'")],
    ['a message', bind(jid).replaceAll('iq', 'message')],
    ['a stanza of another namespace', bind(jid).replace('jabber:client', 'jabber:server')],
  ])('is not read from %s', (_what, text) => {
    expect(answer(text)).toBeUndefined()
  })

  test.each([
    ['is for another domain', success('romeo@other.example/a')],
    [
      'has it in another namespace',
      success("<x xmlns='x'/>romeo@chat.example/a").replace(
        '<x',
        "</authorization-identifier><authorization-identifier xmlns='x'><x",
      ),
    ],
    ['names no user', "<success xmlns='urn:xmpp:sasl:2'/>"],
  ])('is not read from a success that %s', (_what, text) => {
    expect(jidInSuccess(element(text), 'chat.example')).toBeUndefined()
  })
})

describe('a request to bind a resource', () => {
  const request = (attributes: string, inner = `<bind xmlns='${bindNamespace}'/>`) =>
    bindRequest(element(`<iq xmlns='jabber:client' ${attributes}>${inner}</iq>`), 'chat.example')

  test.each([
    ['without an addressee', "type='set' id='7'"],
    ['to the server', "type='set' id='7' to='chat.example'"],
    ['to the server, spelled differently', "type='set' id='7' to='Chat.Example.'"],
  ])('%s is recognized', (_what, attributes) => {
    expect(request(attributes)).toEqual({ id: '7' })
  })

  test.each(['7\t8', '7\n8', '7&#9;8', '7&#13;8'])('is recognized by its answer, with the id %j', id => {
    expect(request(`type='set' id='${id}'`)).toEqual({ id: '7 8' })
    expect(answer(bind(jid, "type='result' id='7 8'"))?.id).toBe('7 8')
  })

  test.each([
    ['to a user', "type='set' id='7' to='mallory@chat.example'"],
    ['to another session', "type='set' id='7' to='mallory@chat.example/x'"],
    ['to another server', "type='set' id='7' to='evil.example'"],
    ['to an invalid address', "type='set' id='7' to=''"],
    ['without an id', "type='set'"],
    ['with an id that is too long', `type='set' id='${'7'.repeat(1025)}'`],
    ['that is too long', `type='set' id='7' x='${'x'.repeat(10_000)}'`],
  ])('%s is unclear and ends the session', (_what, attributes) => {
    expect(request(attributes)).toBe('unclear')
  })

  test.each([
    ['of type get', "type='get' id='7'"],
    ['of type result', "type='result' id='7'"],
  ])('%s is ignored', (_what, attributes) => {
    expect(request(attributes)).toBeUndefined()
  })

  test('may have another element beside it, and is ignored inside one', () => {
    const inner = `<bind xmlns='${bindNamespace}'/>`
    expect(request("type='set' id='7'", `<x xmlns='x'/>${inner}`)).toEqual({ id: '7' })
    expect(request("type='set' id='7'", `<query xmlns='jabber:iq:private'>${inner}</query>`)).toBeUndefined()
    expect(bindRequest(element("<message xmlns='jabber:client' id='7'/>"), 'chat.example')).toBeUndefined()
  })
})
