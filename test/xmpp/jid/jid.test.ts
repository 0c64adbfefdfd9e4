import { describe, expect, test } from '@jest/globals'
import { forbiddenCharacter, formatJid, parseJid, userOf } from '../../../src/xmpp/jid/jid.js'
import { cpuTime } from '../../support/cpu-time.js'

const a = (times: number) => 'a'.repeat(times)

describe('a valid JID', () => {
  test.each([
    ['juliet@chat.example', 'juliet@chat.example'],
    ['Juliet@CHAT.example/Balcony', 'juliet@chat.example/Balcony'],
    ['juliet@chat.example/a/b@c', 'juliet@chat.example/a/b@c'],
    ['juliet@chat.example/at home ☕', 'juliet@chat.example/at home ☕'],
    ['juliet@chat.example/at\u00a0home', 'juliet@chat.example/at home'],
    ['juliet@chat.example.', 'juliet@chat.example'],
    ['Σωκράτης@chat.example', 'σωκράτης@chat.example'],
    ['E\u0301@chat.example', '\u00e9@chat.example'],
    ['İstanbul@chat.example', 'i̇stanbul@chat.example'],
    ['\u1112\u1161\u11ab@chat.example', '한@chat.example'],
    ['Ｊｕｌｉｅｔ１@chat.example', 'juliet1@chat.example'],
    ['ｶﾞ@chat.example', 'ガ@chat.example'],
    ['juliet@ＣＨＡＴ。example', 'juliet@chat.example'],
    ['juliet@chat.example/💻 ♥ Ⅳ ﬁ', 'juliet@chat.example/💻 ♥ Ⅳ ﬁ'],
    ['juliet@chat.example/नमस्\u200dते', 'juliet@chat.example/नमस्\u200dते'],
    ['𞤔𞤵𞤤𞤭@chat.example', '𞤶𞤵𞤤𞤭@chat.example'],
    ['juliet@BÜCHER.example/x', 'juliet@bücher.example/x'],
    ['juliet@xn--bcher-kva.example', 'juliet@bücher.example'],
    ['juliet@例え.テスト', 'juliet@例え.テスト'],
    ['juliet@[::1]/x', 'juliet@[::1]/x'],
    [`${a(1023)}@chat.example/${a(1023)}`, `${a(1023)}@chat.example/${a(1023)}`],
  ])('%p becomes %p', (text, prepared) => {
    const jid = parseJid(text)
    expect(jid === undefined ? undefined : formatJid(jid)).toBe(prepared)
  })

  test.each([
    ['letters of any script', 'straße ünïcødé жуль́етта 朱丽叶 줄리엣 จูเลียต ஜூலியட் ጁልየት ჯულიეტა'],
    ['joiners in their context', 'नमस्\u200dते می\u200cخواهم'],
    ['signs in their context', 'جولييت٣ ג׳ולייט ジュリエット・キャピュレット col·lega ジュリ〇'],
    ['signs of ASCII, and escapes', '!#$%()*+,-.;=?[]^_`{|}~ d\\27artagnan'],
  ])('has a local part with %s', (_what, locals) => {
    for (const local of locals.split(' ')) expect(parseJid(`${local}@chat.example`)?.local).toBe(local)
  })
})

describe('an invalid JID has', () => {
  test.each([
    ['no text', ''],
    ['only a domain', 'chat.example'],
    ['an empty local part', '@chat.example'],
    ['an empty domain', 'juliet@'],
    ['an empty resource', 'juliet@chat.example/'],
    ['a second @ before the resource', 'juliet@home@chat.example'],
    ['half a surrogate pair in the domain', 'juliet@chat\ud800.example'],
    ['a full-width slash in the domain', 'juliet@chat.example／x'],
    ['a NUL in the domain', 'juliet@chat\0.example'],
    ['a zero-width space in the domain', 'juliet@\u200b'],
    ['a port in the domain', 'juliet@chat.example:5222'],
  ])('%s', (_why, text) => {
    expect(parseJid(text)).toBeUndefined()
  })

  test.each([
    ['what XMPP excludes', ["o'hara", 'o"hara', 'r&j', 'xmpp:juliet', '<juliet', 'juliet＠', 'juliet＠home']],
    ['white space', ['juliet capulet', ' juliet', 'jul\u3000iet', 'jul\u2028iet']],
    ['a control character', ['jul\0iet', 'jul\u0085iet']],
    ['half a surrogate pair', ['\udc00juliet']],
    ['an invisible character', ['jul\u00adiet', 'jul\u200biet', '\ufeffjuliet', 'jul\u202eteij']],
    ['no character of Unicode', ['jul\ue000iet', 'jul\ufdd0iet', '\u{e0fff}']],
    ['a symbol', ['juliet♥', '😀', '€']],
    ['punctuation beyond ASCII', ['¿juliet?', 'juliet–capulet']],
    ['a compatibility form', ['ⓐ', 'Ⅳ', 'x²', 'ﬁ', '𝒿']],
    ['an exception', ['جولـييت', '\u1112']],
    ['digits of two kinds', ['٣۳']],
    ['a joiner out of its context', ['a\u200db', 'a\u200cb', '\u200cخ']],
    ['a sign out of its context', ['a·b', 'a・b', '\u0375a', 'a׳']],
    ['1024 octets', [a(1024), 'é'.repeat(512)]],
  ])('a local part with %s', (_why, locals) => {
    for (const local of locals) expect([local, parseJid(`${local}@chat.example`)]).toEqual([local, undefined])
  })

  test.each([
    ['a line feed', 'a\nb'],
    ['half a surrogate pair', '\ud800'],
    ['a noncharacter', '\u{10ffff}'],
    ['a character that is not assigned', '\u{e0fff}'],
    ['a soft hyphen', 'jul\u00adiet'],
    ['a right-to-left override', '\u202ex'],
    ['a joiner that joins nothing', 'a\u200db'],
    ['a conjoining jamo', '\u1112'],
    ['1024 octets', a(1024)],
  ])('a resource with %s', (_why, resource) => {
    expect(parseJid(`juliet@chat.example/${resource}`)).toBeUndefined()
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
