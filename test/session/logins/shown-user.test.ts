import { expect, test } from '@jest/globals'
import { firstMessage, shownUser } from '../../../src/session/logins/shown-user.js'
import { readElement } from '../../../src/xmpp/xml/document.js'

const base64 = (text: string) => Buffer.from(text).toString('base64')

test.each([
  ['PLAIN', '\0alice\0s3cret', 'alice'],
  ['PLAIN', 'boss\0alice\0s3cret', 'alice'],
  ['X-OAUTH2', '\0alice\0t0ken', 'alice'],
  ['SCRAM-SHA-1', 'n,,n=alice,r=nonce', 'alice'],
  ['SCRAM-SHA-256-PLUS', 'y,a=boss,n=al=2Ci=3Dce,r=nonce', 'al,i=ce'],
  ['HT-SHA-256-NONE', 'alice\0hash', 'alice'],
  ['OAUTHBEARER', 'n,a=alice@chat.example,\u0001auth=Bearer t0ken\u0001\u0001', 'alice@chat.example'],
  ['PLAIN', `\0${'é'.repeat(500)}\0s3cret`, 'é'.repeat(500)],
])('the log shows the user of a refused login by %s', (mechanism, message, user) => {
  expect(shownUser(mechanism, base64(message))).toBe(user)
})

test.each([
  ['PLAIN', 'alice\0s3cret'],
  ['PLAIN', 's3cret'],
  ['PLAIN', '\0\0s3cret'],
  ['PLAIN', `${'x'.repeat(10_000)}\0alice\0s3cret`],
  ['X-OAUTH2', 't0ken'],
  ['SCRAM-SHA-1', 's3cret'],
  ['SCRAM-SHA-1', 'n,,r=nonce'],
  ['HT-SHA-256-NONE', 'hash'],
  ['OAUTHBEARER', 'n,,\u0001auth=Bearer t0ken\u0001\u0001'],
  ['LOGIN', 's3cret'],
  ['DIGEST-MD5', 'username="alice"'],
  ['X-TOKEN', '\0alice\0t0ken'],
  ['', '\0alice\0s3cret'],
])('the log shows no user of %s if the mechanism is unknown, or its message malformed', (mechanism, message) => {
  expect(shownUser(mechanism, base64(message))).toBeUndefined()
  expect(shownUser(mechanism, '=')).toBeUndefined()
  expect(shownUser(mechanism, '')).toBeUndefined()
  expect(shownUser(mechanism, '%<>')).toBeUndefined()
})

test.each([
  ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'> AGEAYg== </auth>", 'AGEAYg=='],
  ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>", ''],
  ["<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>YQ==</response>", 'YQ=='],
  ["<response xmlns='urn:xmpp:sasl:2'>YQ==</response>", 'YQ=='],
  [`<authenticate xmlns='urn:xmpp:sasl:2'><x id='x'/><initial-response>YQ==</initial-response></authenticate>`, 'YQ=='],
  ["<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>", ''],
])('the first message of %s is found', (text, message) => {
  const { name, namespace } = readElement(text).root
  expect(firstMessage({ name, namespace, text })).toBe(message)
})
