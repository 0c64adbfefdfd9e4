import { describe, expect, test } from '@jest/globals'
import { readMessage } from '../../../src/browsers/websocket/framing.js'
import { readCredentials } from '../../../src/browsers/websocket/page-credentials.js'
import { proofOfPage } from '../../../src/session/ticket.js'
import type { Element } from '../../../src/xmpp/xml/element.js'

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const sasl2 = 'urn:xmpp:sasl:2'
const token = 'the-token'
const proof = proofOfPage(token)

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
const plain = (user: string, authzid = '', secret = token) => base64(`${authzid}\0${user}\0${secret}`)
const read = (message: string, domain = 'chat.example') =>
  readCredentials(readMessage(Buffer.from(message)) as Element, domain)
const auth = (initial: string, mechanism = 'PLAIN') =>
  `<auth xmlns='${sasl}' mechanism='${mechanism}'>${initial}</auth>`
const authenticate = (initial: string, mechanism = 'PLAIN', more = '') =>
  `<authenticate xmlns='${sasl2}' mechanism='${mechanism}'><initial-response>${initial}</initial-response>${more}</authenticate>`

describe('PLAIN', () => {
  test.each([
    ['the local part', 'juliet', ''],
    ['the local part in another spelling', 'JULIET', ''],
    ['the bare JID', 'juliet@chat.example', ''],
    ['the bare JID in another spelling', 'Juliet@CHAT.example', ''],
    ['the bare JID as authzid', 'juliet', 'juliet@chat.example'],
    ['the bare JID as authzid, in another spelling', 'juliet', 'Juliet@Chat.Example'],
    ['the bare JID twice', 'juliet@chat.example', 'juliet@chat.example'],
    ['the local part twice', 'juliet', 'juliet'],
  ])('names the user by %s', (_what, user, authzid) => {
    const wanted = { local: 'juliet', proof, isSasl2: false, wantsProof: false, wantsBind: false }
    expect(read(auth(plain(user, authzid)))).toEqual(wanted)
    expect(read(authenticate(plain(user, authzid)))).toEqual({ ...wanted, isSasl2: true })
  })

  test('names the process whose token it has', () => {
    const node = (token: string) => read(auth(base64(`\0juliet\0${token}`)))
    expect(node('abcdefgh-x')).toMatchObject({ node: 'abcdefgh' })
    for (const token of ['abcdefgh', 'Abcdefgh-x', '*.>defgh-x', ''])
      expect(node(token)).toMatchObject({ node: undefined })
  })

  test('names a user of a domain that is not written in ASCII', () => {
    const wanted = { local: 'jürgen', proof }
    for (const user of ['jürgen', 'Jürgen@bücher.example', 'jürgen@xn--bcher-kva.example'])
      expect(read(auth(plain(user)), 'xn--bcher-kva.example')).toMatchObject(wanted)
  })

  test.each([
    ['of another domain', plain('juliet@other.example')],
    ['with a resource', plain('juliet@chat.example/balcony')],
    ['without a name', plain('')],
    ['whose name is no local part', plain('ju<liet')],
    ['who acts for another', plain('juliet', 'romeo@chat.example')],
    ['who acts for one of another domain', plain('juliet', 'juliet@other.example')],
  ])('names no user %s', (_what, initial) => {
    expect(read(auth(initial))).toBe('not-authorized')
  })

  test.each([
    ['nothing at all', '', 'malformed-request'],
    ['one part', base64('juliet'), 'malformed-request'],
    ['two parts', base64('\0juliet'), 'malformed-request'],
    ['four parts', base64('\0juliet\0a\0b'), 'malformed-request'],
    ['a million parts', base64('\0'.repeat(500_000)), 'malformed-request'],
    ['no base64', 'juliet!', 'incorrect-encoding'],
    ['base64 that goes on behind its end', 'AGEAYg==AGEAYg==', 'incorrect-encoding'],
    ['the sign for nothing', '=', 'malformed-request'],
  ])('may not be %s', (_what, initial, fault) => {
    expect(read(auth(initial))).toBe(fault)
    expect(read(authenticate(initial))).toBe(fault)
  })

  test('may have white space around it', () => {
    expect(read(auth(`\n  ${plain('juliet')}\n`))).toMatchObject({ local: 'juliet', proof })
  })
})

describe('HT-SHA-256-NONE', () => {
  const hashed = (user: string) => base64(Buffer.concat([Buffer.from(`${user}\0`), proof]))

  test('proves that the page has the token, and requires the same proof', () => {
    expect(read(authenticate(hashed('juliet'), 'HT-SHA-256-NONE'))).toEqual({
      local: 'juliet',
      proof,
      isSasl2: true,
      wantsProof: true,
      wantsBind: false,
    })
  })

  test('may be cut short, and proves nothing then', () => {
    const cut = base64(Buffer.concat([Buffer.from('juliet\0'), proof.subarray(0, 9)]))
    expect(read(authenticate(cut, 'HT-SHA-256-NONE'))).toMatchObject({ proof: proof.subarray(0, 9) })
    expect(read(authenticate(base64('juliet'), 'HT-SHA-256-NONE'))).toBe('malformed-request')
  })

  test('belongs to SASL2', () => {
    expect(read(auth(hashed('juliet'), 'HT-SHA-256-NONE'))).toBe('invalid-mechanism')
  })
})

test('a session may be asked for at once, by an element of that namespace', () => {
  const bind = "<bind xmlns='urn:xmpp:bind:0'><tag>app</tag></bind>"
  expect(read(authenticate(plain('juliet'), 'PLAIN', bind))).toMatchObject({ wantsBind: true })
  const others = ["<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>", `<user-agent>${bind}</user-agent>`]
  for (const other of others)
    expect(read(authenticate(plain('juliet'), 'PLAIN', other))).toMatchObject({ wantsBind: false })
})

test.each(['SCRAM-SHA-1', 'EXTERNAL', 'plain', 'HT-SHA-256-EXPR', ''])('%j is no mechanism', mechanism => {
  expect(read(auth(plain('juliet'), mechanism))).toBe('invalid-mechanism')
  expect(read(authenticate(plain('juliet'), mechanism))).toBe('invalid-mechanism')
})

test('without an initial response there are no credentials', () => {
  expect(read(`<authenticate xmlns='${sasl2}' mechanism='PLAIN'/>`)).toBe('malformed-request')
})

test.each([
  `<auth xmlns='${sasl2}' mechanism='PLAIN'/>`,
  `<authenticate xmlns='${sasl}' mechanism='PLAIN'/>`,
  "<message xmlns='jabber:client'/>",
  `<response xmlns='${sasl}'/>`,
])('%s is no credentials', message => {
  expect(read(message)).toBeUndefined()
})
