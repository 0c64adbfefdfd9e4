import { expect, test } from '@jest/globals'
import { userOf } from '../../../src/xmpp/jid/jid.js'

test.each([
  ['alice@chat.example', 'alice@chat.example/desk@home/x'],
  ['alice@chat.example', 'Alice@CHAT.example/x'],
  ['alice@münchen.example', 'alice@xn--mnchen-3ya.example/x'],
  ['caf\u00e9@chat.example', 'cafe\u0301@chat.example/x'],
  ['chat.example', 'Chat.example/x'],
])('%s and %s are the same user', (one, other) => {
  expect(userOf(one)).toBe(userOf(other))
})

test.each([
  ['alice@chat.example', 'alicia@chat.example'],
  ['alice@chat.example', 'alice@other.example'],
  ['straße@chat.example', 'strasse@chat.example'],
  ['ａｌｉｃｅ@chat.example', 'alice@chat.example'],
  ['chat.example', '@chat.example'],
  ['chat.example', 'x@chat.example'],
])('%s and %s are different users', (one, other) => {
  expect(userOf(one)).not.toBe(userOf(other))
})
