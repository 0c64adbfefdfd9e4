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

  test('names a process if the token begins with its name', () => {
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
    ['with an invalid local part', plain('ju<liet')],
    ['with another user’s authzid', plain('juliet', 'romeo@chat.example')],
    ['with an authzid of another domain', plain('juliet', 'juliet@other.example')],
  ])('names no user %s', (_what, initial) => {
    expect(read(auth(initial))).toBe('not-authorized')
  })

  test.each([
    ['empty', '', 'malformed-request'],
    ['one part', base64('juliet'), 'malformed-request'],
    ['two parts', base64('\0juliet'), 'malformed-request'],
    ['four parts', base64('\0juliet\0a\0b'), 'malformed-request'],
    ['a million parts', base64('\0'.repeat(500_000)), 'malformed-request'],
    ['text that is no base64', 'juliet!', 'incorrect-encoding'],
    ['base64 with more after its padding', 'AGEAYg==AGEAYg==', 'incorrect-encoding'],
    ['= (an empty response)', '=', 'malformed-request'],
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

  test('may be shortened, and then has a wrong proof', () => {
    const cut = base64(Buffer.concat([Buffer.from('juliet\0'), proof.subarray(0, 9)]))
    expect(read(authenticate(cut, 'HT-SHA-256-NONE'))).toMatchObject({ proof: proof.subarray(0, 9) })
    expect(read(authenticate(base64('juliet'), 'HT-SHA-256-NONE'))).toBe('malformed-request')
  })

  test('is accepted over SASL2 only', () => {
    expect(read(auth(hashed('juliet'), 'HT-SHA-256-NONE'))).toBe('invalid-mechanism')
  })
})

test('a SASL2 login asks for a session by <bind/> of Bind 2 only', () => {
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

test('a login without an initial response is malformed', () => {
  expect(read(`<authenticate xmlns='${sasl2}' mechanism='PLAIN'/>`)).toBe('malformed-request')
})

test.each([
  `<auth xmlns='${sasl2}' mechanism='PLAIN'/>`,
  `<authenticate xmlns='${sasl}' mechanism='PLAIN'/>`,
  "<message xmlns='jabber:client'/>",
  `<response xmlns='${sasl}'/>`,
])('%s has no credentials', message => {
  expect(read(message)).toBeUndefined()
})
