import { describe, expect, test } from '@jest/globals'
import { formatJid, parseJid } from '../../src/warm/jid.js'

const a = (times: number) => 'a'.repeat(times)

describe('a JID that is taken', () => {
  test.each([
    ['juliet@chat.example', 'juliet@chat.example'],
    ['juliet@chat.example/balcony', 'juliet@chat.example/balcony'],
    ['Juliet@CHAT.example/Balcony', 'juliet@chat.example/Balcony'],
    ['juliet@chat.example/a/b@c', 'juliet@chat.example/a/b@c'],
    ['juliet@chat.example/at home ☕', 'juliet@chat.example/at home ☕'],
    ['juliet@chat.example/at\u00a0home', 'juliet@chat.example/at home'],
    ['juliet@chat.example.', 'juliet@chat.example'],
    ['Σωκράτης@chat.example', 'σωκράτης@chat.example'],
    ['e\u0301@chat.example', '\u00e9@chat.example'],
    ['d\\27artagnan@chat.example', 'd\\27artagnan@chat.example'],
    ['juliet@bücher.example', 'juliet@xn--bcher-kva.example'],
    ['juliet@[::1]/x', 'juliet@[::1]/x'],
    [`${a(1023)}@chat.example/${a(1023)}`, `${a(1023)}@chat.example/${a(1023)}`],
  ])('%p is %p', (text, prepared) => {
    const jid = parseJid(text)
    expect(jid === undefined ? undefined : formatJid(jid)).toBe(prepared)
  })
})

describe('a JID that is refused', () => {
  test.each([
    ['nothing', ''],
    ['a domain alone', 'chat.example'],
    ['an empty local part', '@chat.example'],
    ['an empty domain', 'juliet@'],
    ['an empty resource', 'juliet@chat.example/'],
    ['a second @ before the resource', 'juliet@home@chat.example'],
    ['a space in the local part', 'juliet capulet@chat.example'],
    ['space around it', ' juliet@chat.example'],
    ['an apostrophe', "o'hara@chat.example"],
    ['a quote', 'o"hara@chat.example'],
    ['an ampersand', 'r&j@chat.example'],
    ['a colon', 'xmpp:juliet@chat.example'],
    ['an angle bracket', '<juliet@chat.example'],
    ['NUL in the local part', 'jul\0iet@chat.example'],
    ['a line feed in the resource', 'juliet@chat.example/a\nb'],
    ['half a surrogate pair', 'juliet@chat.example/\ud800'],
    ['a port in the domain', 'juliet@chat.example:5222'],
    ['a local part of 1024 octets', `${a(1024)}@chat.example`],
    ['a local part of 1024 octets in 512 characters', `${'é'.repeat(512)}@chat.example`],
    ['a resource of 1024 octets', `juliet@chat.example/${a(1024)}`],
  ])('%s', (_why, text) => {
    expect(parseJid(text)).toBeUndefined()
  })
})
