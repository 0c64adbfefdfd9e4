// Texts that are nearly right: known ones changed in a few places, and new ones out of a small grammar.
import type { Random } from '../support/random.js'

/** What XML is made of: tags, names, attributes, quotes, references, and the text between them. */
const tokens = /<!--|-->|<!\[CDATA\[|\]\]>|<\?|\?>|<\/|\/>|[<>='"&;]|[\w.:-]+|\s+|[^<>='"&;\w.:\s-]+/g

/** What is worth a try in the place of something else. */
const additions = [
  ...['<', '>', '</', '/>', '=', "'", '"', '&', ';', ' ', '\n', '\r', '\t', ':', ''],
  ...['<!--', '-->', '<![CDATA[', ']]>', '<?x ?>', "<?xml version='1.0'?>", "<?xml version='1.1'?>", '<!DOCTYPE x>'],
  ...['&amp;', '&lt;', '&#32;', '&#10;', '&#0;', '&#xD800;', '&#x10FFFF;', '&nbsp;', '&toString;', '&#x;'],
  ...['xmlns', 'xmlns:', 'xmlns:a', 'xml:lang', 'xml:x', 'xmlns:xml', 'stream:', 'a:b', 'a:b:c', '_', '-', '1'],
  ...['__proto__', 'constructor', 'body', 'message', 'iq', 'presence', 'rid', 'sid', 'features', 'stream'],
  ...['http://jabber.org/protocol/httpbind', 'jabber:client', 'http://etherx.jabber.org/streams', 'urn:a'],
  ...['\u0000', '\u0001', '\u001f', '\u0085', '\u00a0', '\u2028', '\ufeff', '\ufffe', '\ud800', '\udc00'],
  ...['é', '\u{1f600}', '\u{10ffff}', '-1', '0', '9007199254740991', '9007199254740992', '1e3', 'NaN', 'true'],
  ...["xmlns='urn:a'", "xmlns=''", "xmlns:a='urn:a'", "xmlns:a=''", "a:b='c'", '<a/>', '<a>', '</a>', '</body>'],
  ...["pause='3'", "ack='1'", "key='k'", "newkey='k'", "type='terminate'", "restart='true'", "wait='0'", "hold='0'"],
]

/** Values that attributes may well have, wherever they stand. */
const gentle = [
  ...['0', '1', '2', '60', '255', '256', '65535', '65536', '9007199254740991', '-1', '01', '1.6', '1.11', '2.0', '1.x'],
  ...['true', 'false', 'terminate', 'terminal', 'error', 'set', 'result'],
  ...['', ' ', 'a b', 'é\u{1f600}', '&lt;&amp;&#10;'],
  ...['text/xml', 'text/html; charset=utf-8', 'en', 'chat.example', 'x@y/z', 'PLAIN', 'SCRAM-SHA-1-PLUS', 'urn:a'],
  ...['jabber:client', 'http://jabber.org/protocol/httpbind', 'urn:xmpp:xbosh', 'urn:ietf:params:xml:ns:xmpp-tls'],
  ...['http://etherx.jabber.org/streams', 'urn:ietf:params:xml:ns:xmpp-sasl', 'http://jabber.org/protocol/compress'],
]

/** A text with other values in a few attributes, or without them; what was well-formed mostly stays so. */
function vary(random: Random, text: string): string {
  const change = random.below(3)
  const which = random.below(12)
  let seen = 0
  return text.replace(/\s([\w:.-]+)=(?:'[^'<]*'|"[^"<]*")/g, (whole, name: string) => {
    if (seen++ % 12 !== which) return whole
    if (change === 0) return ''
    return change === 1 ? ` ${name}='${random.pick(gentle)}'` : `${whole} k${seen}='${random.pick(gentle)}'`
  })
}

/** A text that is nearly one of these, some more so than others. */
export function mutate(random: Random, texts: readonly string[]): string {
  return random.chance(0.5) ? vary(random, random.pick(texts)) : damage(random, texts)
}

/** A text with a few tokens, or a few characters, taken out, doubled, swapped or replaced. */
function damage(random: Random, texts: readonly string[]): string {
  const parts = random.chance(0.7) ? (random.pick(texts).match(tokens) ?? []) : [...random.pick(texts)]
  const times = random.chance(0.6) ? 1 : 1 + random.below(6)
  for (let left = times; left > 0; left--) {
    const at = random.below(parts.length + 1)
    const length = random.chance(0.8) ? 1 : random.below(12)
    switch (random.below(7)) {
      case 0:
        parts.splice(at, length)
        break
      case 1:
        parts.splice(at, 0, random.pick(additions))
        break
      case 2:
        parts.splice(at, length, random.pick(additions))
        break
      case 3:
        parts.splice(random.below(parts.length + 1), 0, ...parts.slice(at, at + length))
        break
      case 4:
        parts.push(...parts.splice(at, length))
        break
      case 5:
        // A piece of another text.
        parts.splice(at, 0, ...(random.pick(texts).match(tokens) ?? []).slice(at, at + 1 + random.below(30)))
        break
      default:
        parts.splice(at, 0, random.pick(additions).repeat(random.pick([2, 40, 70, 300])))
    }
  }
  return parts.join('')
}

/** The bytes of a text, some of them changed. */
export function mutateBytes(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text)
  for (let left = 1 + random.below(3); left > 0 && bytes.length > 0; left--)
    bytes[random.below(bytes.length)] = random.chance(0.5) ? random.below(256) : 0x80 + random.below(128)
  return bytes
}

const names = [
  ...['body', 'message', 'presence', 'iq', 'x', 'auth', 'starttls', 'features'],
  ...['a:x', 'b:x', 'c:x', 's:y', 's:features', 's:error'],
]
const values = ['', '1', 'true', 'terminate', 'urn:a', 'jabber:client', 'a&amp;b', '&#10;', '>', 'x']
const attributes = [
  ...['rid', 'type', 'id', 'mechanism', 'restart', 'xmlns', 'xmlns:a', 'xmlns:s', 'xml:lang', 'a:k', 'b:k', 'c:k'],
]

/** An element out of a small grammar; it may use prefixes that are not declared, or say a thing twice. */
export function generate(random: Random, depth = 0): string {
  const name = random.pick(names)
  let start = `<${name}`
  for (let left = random.below(4); left > 0; left--) {
    const quote = random.pick(["'", '"'])
    start += `${random.pick([' ', '\n', '  '])}${random.pick(attributes)}=${quote}${random.pick(values)}${quote}`
  }
  if (random.chance(0.3)) return `${start}/>`
  let inner = ''
  for (let left = random.below(depth > 5 ? 1 : 4); left > 0; left--)
    inner += random.chance(0.5)
      ? generate(random, depth + 1)
      : random.pick(['text', ' ', '&lt;', '<![CDATA[<]]>', '\r\n'])
  return `${start}>${inner}</${name}>`
}

/** As a network may cut them. */
export function pieces(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = random.chance(0.5) ? 1 + random.below(8) : 1 + random.below(bytes.length)
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}
