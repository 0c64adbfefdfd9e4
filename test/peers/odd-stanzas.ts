// Stanzas that one user may send to another, odd in all ways that a server may let through.
import { boshNamespace, saslNamespace, streamsNamespace } from '../../src/xmpp/namespaces.js'
import type { Random } from '../support/random.js'

const namespaces = [
  ...['jabber:client', 'jabber:server', streamsNamespace, boshNamespace, saslNamespace, 'urn:xmpp:sasl:2'],
  ...['urn:ietf:params:xml:ns:xmpp-streams', 'urn:ietf:params:xml:ns:xmpp-stanzas', 'urn:xmpp:xbosh'],
  ...['urn:ietf:params:xml:ns:xmpp-tls', 'urn:ietf:params:xml:ns:xmpp-bind', 'urn:xmpp:sm:3', 'urn:xmpp:ping'],
  ...['http://jabber.org/protocol/disco#info', 'jabber:iq:roster', 'urn:p', 'urn:q', "urn:it's", 'a b', '&amp;&lt;'],
]
const names = [
  ...['stream:error', 'stream:features', 'stream:stream', 'features', 'error', 'success', 'failure', 'proceed'],
  ...['body', 'terminate', 'message', 'presence', 'iq', 'bind', 'jid', 'resumed', 'r', 'a', 'enabled', 'x', 'query'],
  ...['p:e', 'q:e', 'xml:e', 'xmlfoo', '__proto__', 'constructor', 'toString', 'é', 'a.b-c_d', 'ａ', 'p:__proto__'],
]
const texts = [
  ...[
    '',
    'x',
    ' ',
    '\n',
    '\t',
    '&#13;',
    '&#10;',
    '&#9;',
    '&#13;&#10;',
    '\r\n',
    '\r',
    ']]&gt;',
    '&#93;&#93;&#62;',
    ']]',
    ']',
  ],
  ...[
    '<![CDATA[<b>&amp;]]>',
    '<![CDATA[]]]]><![CDATA[>]]>',
    '<![CDATA[&#13;\r]]>',
    '&amp;#13;',
    '&amp;lt;',
    '&quot;&apos;',
  ],
  ...[
    '\u0085',
    '\u2028',
    '\u00a0',
    '\ufeff',
    '\ufffd',
    '&#x85;',
    '&#x2028;',
    '&#xFFFD;',
    '&#xE000;',
    '\ue000',
    '&#127;',
  ],
  ...[
    '\u{1f600}',
    '&#x1F600;',
    '&#x10FFFD;',
    '\u{10fffd}',
    '&#x1FFFE;',
    'é',
    '日本',
    '\u202e',
    '&#65;&#x41;',
    '--',
    '?>',
  ],
]
/** Servers refuse these, or should. */
const illegal = [
  ...['&#xFFFE;', '&#xFFFF;', '\uffff', '&#1;', '&#0;', '&#xD800;', '\u0001', '<!-- c -->', '<?pi x?>', '&nbsp;', '&'],
  ...[']]>', '<a></b>', "<a b='1' b='2'/>", '<a:b:c/>', '<:a/>', '<p:undeclared/>', "<a xmlns:p=''/>", '<a b=1/>'],
  ...["<a xmlns:xml='urn:x'/>", "<a xmlns:xmlns='urn:x'/>", "<a xmlns='http://www.w3.org/2000/xmlns/'/>", '</message>'],
  ...["<a xmlns:p='http://www.w3.org/XML/1998/namespace' p:lang='en'/>", "<a xmlns:xmlp='urn:p' xmlp:k='1'/>"],
  ...[
    "<?xml version='1.1'?>",
    '<!DOCTYPE a>',
    '</stream:stream>',
    "<a xmlns:p='urn:p' xmlns:q='urn:p' p:k='' q:k=''/>",
  ],
]
const jids = [
  '',
  ' ',
  '@',
  '/',
  'x',
  'localhost',
  '@localhost',
  'nobody@localhost',
  'a@b@c',
  'é@localhost',
  "o'b@localhost",
  '\u{1f600}@localhost',
]
const types: Readonly<Record<string, readonly (string | undefined)[]>> = {
  message: [undefined, 'chat', 'normal', 'groupchat', 'headline', 'error', 'get', 'terminate', ''],
  presence: [undefined, 'subscribe', 'subscribed', 'unsubscribe', 'unsubscribed', 'unavailable', 'error', 'probe', 'x'],
  iq: ['get', 'set', 'result', 'error', 'get', 'set', undefined, 'x'],
}
const values = [
  ...[
    '',
    '1',
    'x',
    'en',
    'it&apos;s',
    '&quot;',
    '&lt;',
    '&amp;',
    '&#13;',
    '&#10;',
    '&#9;',
    '\n',
    '\t',
    '\r',
    '&gt;',
    ']]>',
  ],
  ...[
    '\u0085',
    '\u2028',
    '\u{1f600}',
    'é',
    '&#x1F600;',
    '"',
    '&amp;apos;',
    'http://etherx.jabber.org/streams',
    '__proto__',
  ],
]

const depths = [5, 60, 100, 125, 126, 127, 128, 129, 130, 200, 1000, 2500]
/** Deepest nesting in a stanza: one of 5000 levels ends ejabberd itself, with all of its sessions. */
const deepest = 2500
/** The same for presence: Prosody does not read a roster again in which a contact waits with a deeper one. */
const deepestPresence = 60

/** Whom they are for. */
export interface Addressees {
  readonly full: string
  readonly bare: string
}

/** Longest stanza that the servers take here, in bytes, with room for its frame. */
const longest = 250_000

export class OddStanzas {
  readonly #random: Random
  readonly #to: Addressees

  constructor(random: Random, to: Addressees) {
    this.#random = random
    this.#to = to
  }

  /** One stanza, or what is none. */
  next(): string {
    const random = this.#random
    const name = random.pick(['message', 'message', 'message', 'presence', 'iq'])
    const prefix = random.chance(0.03) ? 'c:' : ''
    const declared = prefix === '' ? random.pick(['', '', '', " xmlns='jabber:client'"]) : " xmlns:c='jabber:client'"
    const prefixes = random.pick([
      '',
      '',
      " xmlns:p='urn:p'",
      " xmlns:p='urn:p' xmlns:q='urn:p'",
      ` xmlns:p=${this.#quoted(random.pick(namespaces))}`,
    ])
    const more = random.chance(0.15) ? this.#attributes(prefixes.includes(':p=')) : ''
    const inner = this.#children(name)
    const tag = `${prefix}${name}`
    const start = `<${tag}${declared}${prefixes}${this.#addressed(name)}${more}`
    return inner === '' && random.chance(0.5) ? `${start}/>` : `${start}>${inner}</${tag}>`
  }

  #addressed(name: string): string {
    const random = this.#random
    const { full, bare } = this.#to
    const to = random.chance(0.02) ? random.pick(jids) : random.chance(0.8) ? full : bare
    const type = random.pick(types[name]!)
    const id = random.chance(0.7) ? (random.chance(0.5) ? random.pick(values) : String(random.below(1e6))) : undefined
    const lang = random.chance(0.2) ? random.pick(values) : undefined
    const from = random.chance(0.01) ? random.pick([...jids, full, bare]) : undefined
    return [
      ['to', to],
      ['type', type],
      ['id', id],
      ['xml:lang', lang],
      ['from', from],
    ]
      .map(([key, value]) => (value === undefined ? '' : ` ${key}=${this.#quoted(value)}`))
      .join('')
  }

  #children(name: string): string {
    const random = this.#random
    let inner = random.chance(0.4) ? `<body>${this.#text()}</body>` : ''
    if (name === 'iq' && random.chance(0.8))
      inner = `<query xmlns=${this.#quoted(random.pick(namespaces))}>${this.#text()}</query>`
    for (let more = random.below(3); more > 0; more--)
      inner += this.#oddity(name === 'presence' ? deepestPresence : deepest)
    return inner
  }

  #oddity(mostDepth: number): string {
    const random = this.#random
    const size = random.chance(0.03) ? longest : random.pick([10, 60, 300, 3000])
    switch (random.below(16)) {
      case 0:
        return random.chance(0.3) ? random.pick(illegal) : this.#text()
      case 1:
        return this.#element(`<a>${this.#text()}</a>`)
      case 2:
        return this.#deep(random.pick(depths.filter(depth => depth <= mostDepth)))
      case 3:
        return this.#wide(random.pick([2, 24, 25, 60, 63, 64, 65, 66, 70, 200, 1000, 5000]))
      case 4:
        return this.#longName(random.pick([60, 64, 65, 250, 255, 256, 257, 300, 1000, 60_000]))
      case 5:
        return `<body>${random.pick(['x', '"', "'", '&gt;', '&#13;', 'é', '\u{1f600}', ' ', '\n', ']']).repeat(size / 6)}</body>`
      case 6:
        return random
          .pick(['<a/>', "<a xmlns='urn:p'/>", '<a>x</a>', 'x<a/>', "<p:a xmlns:p='urn:p'/>"])
          .repeat(size / 20)
      case 7:
        return `<x xmlns:p='urn:${'p'.repeat(random.pick([1, 100, 2000]))}'>${'<p:a/>'.repeat(random.pick([1, 20, 100, size / 10]))}</x>`
      case 8:
        return this.#manyPrefixes(random.pick([2, 20, 63, 64, 65, 66, 200, 1000]))
      case 9:
        return random.pick([
          "<e xmlns='urn:p' p:k='1'/>",
          "<e xmlns='urn:p' xmlns:p='urn:p' p:k='1'/>",
          "<e xmlns:p='urn:p' xmlns:q='urn:p'><p:f q:k='1'/></e>",
          "<p:e xmlns:p='urn:a'><p:e xmlns:p='urn:b'><f xmlns='urn:a' p:k='1'/></p:e></p:e>",
          "<e xmlns='urn:p'><f xmlns='' /></e>",
          "<e xmlns=''><f xmlns='jabber:client'/></e>",
          "<stream:e xmlns:stream='urn:p' stream:k='1'/>",
          `<${'p'.repeat(253)}:e xmlns:${'p'.repeat(253)}='urn:p' ${'p'.repeat(253)}:k='1'/>`,
          `<e xmlns='urn:p' ${'p'.repeat(253)}:k='1' xmlns:${'p'.repeat(253)}='urn:p'/>`,
          "<e xml:lang='de' xml:base='x' xml:space='preserve' xml:id='1' xml:foo='1'/>",
          '<xml:e/>',
        ])
      case 10:
        return `<x>${this.#text()}${this.#element(this.#element(this.#text()))}</x>`
      case 11:
        return `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='a@b' to='c@d'><body>${this.#text()}</body></message></forwarded>`
      case 12:
        return `<delay xmlns='urn:xmpp:delay' stamp='${random.pick(values).replaceAll("'", '')}'/>`
      case 13:
        return `<${random.pick(['a', 'body'])} k='${random.pick(['&quot;', '&gt;', '&#13;', 'x', '&amp;']).repeat(size / 6)}'/>`
      case 14:
        return this.#mixed(size)
      default:
        return this.#element('')
    }
  }

  #element(inner: string): string {
    const random = this.#random
    const name = random.pick(names)
    const colon = name.indexOf(':')
    const prefix = colon < 0 ? undefined : name.slice(0, colon)
    const declared =
      prefix !== undefined && prefix !== 'xml' && random.chance(0.9)
        ? ` xmlns:${prefix}=${this.#quoted(random.pick(namespaces))}`
        : random.chance(0.7)
          ? ` xmlns=${this.#quoted(random.chance(0.1) ? '' : random.pick(namespaces))}`
          : ''
    return `<${name}${declared}${random.chance(0.3) ? this.#attributes(false) : ''}>${inner}</${name}>`
  }

  #attributes(hasPrefix: boolean): string {
    const random = this.#random
    const names = [
      'k',
      'x',
      'xml:base',
      'xml:space',
      'lang',
      '__proto__',
      'constructor',
      'é',
      ...(hasPrefix ? ['p:k', 'p:type'] : []),
    ]
    return ` ${random.pick(names)}1=${this.#quoted(random.pick(values))} ${random.pick(names)}=${this.#quoted(random.pick(values))}`
  }

  #quoted(value: string): string {
    const quote = value.includes("'") || (this.#random.chance(0.3) && !value.includes('"')) ? '"' : "'"
    return quote + value + quote
  }

  #text(): string {
    let text = ''
    for (let parts = this.#random.below(4); parts > 0; parts--) text += this.#random.pick(texts)
    return text
  }

  #deep(depth: number): string {
    const { open, close } = this.#random.pick([
      { open: '<a>', close: '</a>' },
      { open: "<a xmlns='urn:p'>", close: '</a>' },
      { open: "<p:a xmlns:p='urn:p'>", close: '</p:a>' },
      { open: "<a x='&lt;/a>'>", close: '</a>' },
      { open: '<a><b/><![CDATA[</a>]]>', close: '</a>' },
    ])
    return open.repeat(depth) + this.#text() + close.repeat(depth)
  }

  #wide(count: number): string {
    const random = this.#random
    const name = random.pick(['k', 'xmlns:k', 'p:k'])
    const attributes = Array.from({ length: count }, (_, index) => ` ${name}${index}='${random.below(10)}'`).join('')
    return `<e xmlns:p='urn:p'${attributes}/>`
  }

  #longName(length: number): string {
    const name = this.#random.pick(['a', 'é', 'x-']).repeat(length).slice(0, length)
    return this.#random.pick([
      `<${name}/>`,
      `<a ${name}='1'/>`,
      `<${name}:a xmlns:${name}='urn:p'/>`,
      `<${name}>x</${name}>`,
    ])
  }

  #manyPrefixes(count: number): string {
    const random = this.#random
    const all = Array.from({ length: count }, (_, index) => index)
    const declared = all.map(index => ` xmlns:p${index}='urn:${random.chance(0.2) ? 'p' : index}'`).join('')
    const used = random.pick([
      all.map(index => `<p${index}:e/>`).join(''),
      all.map(index => `<e xmlns='urn:${index}' p${index}:k='1'/>`).join(''),
      all.map(index => `<p${index}:e>`).join('') +
        all
          .reverse()
          .map(index => `</p${index}:e>`)
          .join(''),
    ])
    return `<x${declared}>${used}</x>`
  }

  #mixed(size: number): string {
    let mixed = ''
    while (mixed.length < size)
      mixed += this.#random.chance(0.5) ? this.#random.pick(texts) || 'x' : this.#element(this.#text())
    return `<m>${mixed.length > longest ? '' : mixed}</m>`
  }
}
