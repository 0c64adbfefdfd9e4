import { expect, test } from '@jest/globals'
import type { Problem } from '../../../src/lib/errors.js'
import { boundJid, checkedJid } from '../../../src/servers/login/bound-user.js'
import type { Credentials } from '../../../src/servers/login/login-request.js'
import { parseJid } from '../../../src/xmpp/jid/jid.js'
import { bindNamespace } from '../../../src/xmpp/namespaces.js'

const password: Credentials = { kind: 'password', password: 'pw' }

function judge(asked: string, bound: string, credentials: Credentials = password): string {
  const iq = `<iq xmlns='jabber:client'><bind xmlns='${bindNamespace}'><jid>${bound}</jid></bind></iq>`
  try {
    const jid = parseJid(asked) ?? { local: '', domain: asked, resource: undefined }
    return boundJid(iq, { jid, credentials }) === bound ? 'as-wanted' : 'changed'
  } catch (error) {
    return (error as Problem).code
  }
}

test.each([
  ['juliet@chat.example', 'juliet@chat.example/x'],
  ['juliet@chat.example/wanted', 'juliet@chat.example/given'],
  ['Juliet@Chat.Example', 'juliet@chat.example/a/b@c'],
  ['a\\b@chat.example', 'a\\b@chat.example/x'],
  ['juliet@bücher.example', 'juliet@bücher.example/x'],
  ['juliet@bücher.example', 'juliet@xn--bcher-kva.example/x'],
  // Equal by RFC 6122, but not by RFC 7613.
  ['straße@chat.example', 'strasse@chat.example/x'],
  ['σωκράτης@chat.example', 'σωκράτησ@chat.example/x'],
])('the user %s may get the JID %s', (asked, bound) => {
  expect(judge(asked, bound)).toBe('as-wanted')
})

test.each([
  ['juliet@chat.example', 'romeo@chat.example/x'],
  ['juliet@chat.example', 'juliet@other.example/x'],
  ['juliet@chat.example', 'juliet@sub.chat.example/x'],
  ['jose@chat.example', 'josé@chat.example/x'],
])('the user %s may not get another user’s JID %s', (asked, bound) => {
  expect(judge(asked, bound)).toBe('jid-mismatch')
})

test.each(['', 'juliet@chat.example', 'chat.example/x', 'chat.example', '@chat.example/x', 'juliet@/x', '@/@', 'x'])(
  '%p is no full JID',
  bound => {
    expect(judge('juliet@chat.example', bound)).toBe('remote-protocol-error')
  },
)

test.each<[string, Credentials]>([
  ['a service account', { kind: 'service', account: { user: 'portal', password: 'pw' } }],
  ['an account of the caller', { kind: 'password', password: 'pw', user: 'portal' }],
  ['a certificate', { kind: 'certificate' }],
])('with %s, only the exact user name is the same user', (_whose, credentials) => {
  expect(judge('straße@chat.example', 'strasse@chat.example/x', credentials)).toBe('jid-mismatch')
  expect(judge('straße@chat.example', 'straße@chat.example/x', credentials)).toBe('as-wanted')
})

test.each<[string, string, Credentials]>([
  ['a service account', 'portal', { kind: 'service', account: { user: 'Portal', password: 'pw' } }],
  ['an account of the caller', 'portal', { kind: 'password', password: 'pw', user: 'portal' }],
])(
  'an error says that the server ignores the authzid if it bound %s, and not for other users',
  (_whose, account, credentials) => {
    const asked = { jid: parseJid('juliet@chat.example')!, credentials }
    const detailOf = (bound: string) => {
      try {
        return checkedJid(bound, asked)
      } catch (error) {
        return (error as Problem).detail
      }
    }
    expect(detailOf(`${account}@chat.example/x`)).toContain('deploy/prosody/mod_service_account.lua')
    expect(detailOf('romeo@chat.example/x')).toBe(undefined)
    expect(detailOf(`${account}@other.example/x`)).toBe(undefined)
  },
)

test('an anonymous user may get any name in the domain', () => {
  const anonymous: Credentials = { kind: 'anonymous' }
  expect(judge('chat.example', '8f3a@chat.example/x', anonymous)).toBe('as-wanted')
  expect(judge('chat.example', '8f3a@other.example/x', anonymous)).toBe('jid-mismatch')
})
