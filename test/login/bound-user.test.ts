import { expect, test } from '@jest/globals'
import { parseJid } from '../../src/jid/jid.js'
import { judgeBound } from '../../src/login/bound-user.js'
import type { Credentials } from '../../src/login/wish.js'

const password: Credentials = { kind: 'password', password: 'pw' }

const judge = (asked: string, bound: string, credentials: Credentials = password) =>
  judgeBound(bound, {
    jid: parseJid(asked) ?? { local: '', domain: asked, resource: undefined },
    credentials,
    ...{ language: 'en', wait: 60, hold: 1, ver: '1.6', attachSeconds: 120, attachBinding: 'off' },
  })

test.each([
  ['juliet@chat.example', 'juliet@chat.example/x'],
  ['juliet@chat.example/wanted', 'juliet@chat.example/given'],
  ['Juliet@Chat.Example', 'juliet@chat.example/a/b@c'],
  ['a\\b@chat.example', 'a\\b@chat.example/x'],
  ['juliet@bücher.example', 'juliet@bücher.example/x'],
  ['juliet@bücher.example', 'juliet@xn--bcher-kva.example/x'],
  // What RFC 6122 makes of them, and RFC 7613 does not.
  ['straße@chat.example', 'strasse@chat.example/x'],
  ['σωκράτης@chat.example', 'σωκράτησ@chat.example/x'],
])('for %s, %s is right', (asked, bound) => {
  expect(judge(asked, bound)).toBe('as-wanted')
})

test.each([
  ['juliet@chat.example', 'romeo@chat.example/x'],
  ['juliet@chat.example', 'juliet@other.example/x'],
  ['juliet@chat.example', 'juliet@sub.chat.example/x'],
  ['jose@chat.example', 'josé@chat.example/x'],
])('for %s, %s is somebody else', (asked, bound) => {
  expect(judge(asked, bound)).toBe('another-user')
})

test.each([
  '',
  'juliet@chat.example',
  'chat.example/x',
  'chat.example',
  '@chat.example/x',
  'juliet@/x',
  '@/@',
  'x',
])('%p is no full JID', bound => {
  expect(judge('juliet@chat.example', bound)).toBe('no-full-jid')
})

test('who has no account may have any name of the domain', () => {
  const anonymous: Credentials = { kind: 'anonymous' }
  expect(judge('chat.example', '8f3a@chat.example/x', anonymous)).toBe('as-wanted')
  expect(judge('chat.example', '8f3a@other.example/x', anonymous)).toBe('another-user')
})
