import { describe, expect, test } from '@jest/globals'
import { forbiddenCharacter, formatJid, parseJid, userOf } from '../../../src/xmpp/jid/jid.js'
import { cpuTime } from '../../support/cpu-time.js'

const a = (times: number) => 'a'.repeat(times)

describe('a valid JID', () => {
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
    ['juliet@ＣＨＡＴ。example', 'juliet@chat.example'],
    ['juliet@chat.example/💻 ♥ Ⅳ ﬁ', 'juliet@chat.example/💻 ♥ Ⅳ ﬁ'],
    ['juliet@chat.example/नमस्\u200dते', 'juliet@chat.example/नमस्\u200dते'],
    ['straße@chat.example', 'straße@chat.example'],
    ['Ünïcødé@chat.example', 'ünïcødé@chat.example'],
    ['жуль́етта@chat.example', 'жуль́етта@chat.example'],
    ['ジュリエット・キャピュレット@chat.example', 'ジュリエット・キャピュレット@chat.example'],
    ['朱丽叶@chat.example', '朱丽叶@chat.example'],
    ['줄리엣@chat.example', '줄리엣@chat.example'],
    ['جولييت٣@chat.example', 'جولييت٣@chat.example'],
    ['می\u200cخواهم@chat.example', 'می\u200cخواهم@chat.example'],
    ['ג׳ולייט@chat.example', 'ג׳ולייט@chat.example'],
    ['ジュリ〇@chat.example', 'ジュリ〇@chat.example'],
    ['จูเลียต@chat.example', 'จูเลียต@chat.example'],
    ['ஜூலியட்@chat.example', 'ஜூலியட்@chat.example'],
    ['ጁልየት@chat.example', 'ጁልየት@chat.example'],
    ['ჯულიეტა@chat.example', 'ჯულიეტა@chat.example'],
    ['col·lega@chat.example', 'col·lega@chat.example'],
    ['𞤔𞤵𞤤𞤭@chat.example', '𞤶𞤵𞤤𞤭@chat.example'],
    ['!#$%()*+,-.;=?[]^_`{|}~@chat.example', '!#$%()*+,-.;=?[]^_`{|}~@chat.example'],
    ['d\\27artagnan@chat.example', 'd\\27artagnan@chat.example'],
    ['juliet@bücher.example', 'juliet@bücher.example'],
    ['juliet@BÜCHER.example/x', 'juliet@bücher.example/x'],
    ['juliet@xn--bcher-kva.example', 'juliet@bücher.example'],
    ['juliet@例え.テスト', 'juliet@例え.テスト'],
    ['juliet@[::1]/x', 'juliet@[::1]/x'],
    [`${a(1023)}@chat.example/${a(1023)}`, `${a(1023)}@chat.example/${a(1023)}`],
  ])('%p becomes %p', (text, prepared) => {
    const jid = parseJid(text)
    expect(jid === undefined ? undefined : formatJid(jid)).toBe(prepared)
  })
})

describe('an invalid JID', () => {
  test.each([
    ['an empty text', ''],
    ['only a domain', 'chat.example'],
    ['an empty local part', '@chat.example'],
    ['an empty domain', 'juliet@'],
    ['an empty resource', 'juliet@chat.example/'],
    ['a second @ before the resource', 'juliet@home@chat.example'],
    ['a space in the local part', 'juliet capulet@chat.example'],
    ['white space around it', ' juliet@chat.example'],
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
    ['a full-width @', 'juliet＠chat.example'],
    ['a full-width @ that would be the second @', 'juliet＠home@chat.example'],
    ['a full-width slash in the domain', 'juliet@chat.example／x'],
    ['a soft hyphen', 'jul\u00adiet@chat.example'],
    ['a zero-width space', 'jul\u200biet@chat.example'],
    ['a byte order mark', '\ufeffjuliet@chat.example'],
    ['a right-to-left override', 'jul\u202eteij@chat.example'],
    ['a line separator', 'jul\u2028iet@chat.example'],
    ['an ideographic space', 'jul\u3000iet@chat.example'],
    ['a control character of Latin-1', 'jul\u0085iet@chat.example'],
    ['a private-use character', 'jul\ue000iet@chat.example'],
    ['a noncharacter', 'jul\ufdd0iet@chat.example'],
    ['a noncharacter in the resource', 'juliet@chat.example/\u{10ffff}'],
    ['a NUL in the domain', 'juliet@chat\0.example'],
    ['a zero-width space in the domain', 'juliet@\u200b'],
    ['a port in the domain', 'juliet@chat.example:5222'],
    ['a heart', 'juliet♥@chat.example'],
    ['a face', '😀@chat.example'],
    ['a currency sign', '€@chat.example'],
    ['a letter in a circle', 'ⓐ@chat.example'],
    ['a Roman numeral', 'Ⅳ@chat.example'],
    ['a raised digit', 'x²@chat.example'],
    ['punctuation beyond ASCII', '¿juliet?@chat.example'],
    ['a dash', 'juliet–capulet@chat.example'],
    ['a ligature', 'ﬁ@chat.example'],
    ['a letter of mathematics', '𝒿@chat.example'],
    ['an Arabic tatweel', 'جولـييت@chat.example'],
    ['a conjoining jamo', '\u1112@chat.example'],
    ['digits of two kinds', '٣۳@chat.example'],
    ['a joiner that joins nothing', 'a\u200db@chat.example'],
    ['a joiner that keeps nothing apart', 'a\u200cb@chat.example'],
    ['a joiner in front', '\u200cخ@chat.example'],
    ['a middle dot without l', 'a·b@chat.example'],
    ['a katakana middle dot without Japanese', 'a・b@chat.example'],
    ['a Greek sign before a Latin letter', '\u0375a@chat.example'],
    ['a Hebrew sign after a Latin letter', 'a׳@chat.example'],
    ['a character that is not assigned', '\u{e0fff}@chat.example'],
    ['a character that is not assigned in the resource', 'juliet@chat.example/\u{e0fff}'],
    ['a soft hyphen in the resource', 'juliet@chat.example/jul\u00adiet'],
    ['a right-to-left override in the resource', 'juliet@chat.example/\u202ex'],
    ['a joiner that joins nothing in the resource', 'juliet@chat.example/a\u200db'],
    ['a conjoining jamo in the resource', 'juliet@chat.example/\u1112'],
    ['a local part of 1024 octets', `${a(1024)}@chat.example`],
    ['a local part of 1024 octets in 512 characters', `${'é'.repeat(512)}@chat.example`],
    ['a resource of 1024 octets', `juliet@chat.example/${a(1024)}`],
  ])('%s', (_why, text) => {
    expect(parseJid(text)).toBeUndefined()
  })
})

describe('the forbidden character of a JID', () => {
  test.each([
    ["o'hara@chat.example", "local: '"],
    ['juliet capulet@chat.example', 'local:  '],
    ['Ju\u200bliet@chat.example', 'local: \u200b'],
    ['juliet＠home@chat.example', 'local: ＠'],
    ['juliet@home@chat.example', 'domain: @'],
    ['juliet@chat example', 'domain:  '],
    ['juliet@chat.example/a\nb', 'resource: \n'],
    ['한 @chat.example'.normalize('NFD'), 'local:  '],
  ])('in %j is in its %j', (text, named) => {
    const { part, character } = forbiddenCharacter(text)!
    expect(`${part}: ${character}`).toBe(named)
  })

  test.each([
    ['juliet'],
    ['@chat.example'],
    ['juliet@'],
    ['juliet@[::x]'],
    ['a·b@chat.example'],
    [`${a(1024)}@chat.example`],
  ])('is undefined for another mistake: %.40s', text => expect(forbiddenCharacter(text)).toBeUndefined())
})

test('the cost to parse a long JID is linear', () => {
  for (const piece of ['a\u200c', '\u0300', 'خ\u0301\u200c', 'l·', '\u3131', 'Ａ', '\u0345', '😀']) {
    const before = cpuTime()
    parseJid(`${piece.repeat(8000)}@chat.example/${piece.repeat(8000)}`)
    forbiddenCharacter(`${piece.repeat(8000)}@chat.example/${piece.repeat(8000)}`)
    expect(cpuTime() - before).toBeLessThan(500)
  }
})

test.each([
  ['alice@chat.example', 'alice@chat.example/desk@home/x'],
  ['alice@chat.example', 'Alice@CHAT.example/x'],
  ['alice@xn--mnchen-3ya.example', 'alice@münchen.example/x'],
  ['caf\u00e9@chat.example', 'cafe\u0301@chat.example/x'],
  ['chat.example', 'Chat.example/x'],
])('%s is the user of %s', (user, jid) => {
  expect(userOf(jid)).toBe(user)
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
