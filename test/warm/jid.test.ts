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
    ['E\u0301@chat.example', '\u00e9@chat.example'],
    ['İstanbul@chat.example', 'i̇stanbul@chat.example'],
    ['\u1112\u1161\u11ab@chat.example', '한@chat.example'],
    ['Ｊｕｌｉｅｔ１@chat.example', 'juliet1@chat.example'],
    ['ｶﾞ@chat.example', 'ガ@chat.example'],
    ['नमस्\u200dते@chat.example', 'नमस्\u200dते@chat.example'],
    ['𝒿@chat.example', '𝒿@chat.example'],
    ['juliet@ＣＨＡＴ。example', 'juliet@chat.example'],
    ['juliet@chat.example/👩\u200d💻 \u202a', 'juliet@chat.example/👩\u200d💻 \u202a'],
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
    ['half a surrogate pair in the local part', '\udc00juliet@chat.example'],
    ['half a surrogate pair in the domain', 'juliet@chat\ud800.example'],
    ['a wide @', 'juliet＠chat.example'],
    ['a wide @ that would be a second one', 'juliet＠home@chat.example'],
    ['a wide slash in the domain', 'juliet@chat.example／x'],
    ['a soft hyphen', 'jul\u00adiet@chat.example'],
    ['a space without width', 'jul\u200biet@chat.example'],
    ['a byte order mark', '\ufeffjuliet@chat.example'],
    ['letters that are shown backwards', 'jul\u202eteij@chat.example'],
    ['a line separator', 'jul\u2028iet@chat.example'],
    ['an ideographic space', 'jul\u3000iet@chat.example'],
    ['a control character of Latin-1', 'jul\u0085iet@chat.example'],
    ['a character for private use', 'jul\ue000iet@chat.example'],
    ['no character', 'jul\ufdd0iet@chat.example'],
    ['no character in the resource', 'juliet@chat.example/\u{10ffff}'],
    ['a NUL in the domain', 'juliet@chat\0.example'],
    ['a space without width in the domain', 'juliet@\u200b'],
    ['a port in the domain', 'juliet@chat.example:5222'],
    ['a local part of 1024 octets', `${a(1024)}@chat.example`],
    ['a local part of 1024 octets in 512 characters', `${'é'.repeat(512)}@chat.example`],
    ['a resource of 1024 octets', `juliet@chat.example/${a(1024)}`],
  ])('%s', (_why, text) => {
    expect(parseJid(text)).toBeUndefined()
  })
})
