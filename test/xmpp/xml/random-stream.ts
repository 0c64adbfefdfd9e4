// Well-formed streams with all features of XML, for property tests.
import fc from 'fast-check'
import { type SaxesAttributeNS, SaxesParser } from 'saxes'
import { escapeXml } from '../../../src/xmpp/xml/escape.js'

interface Attribute {
  readonly prefix: number
  readonly local: string
  readonly value: string
  readonly space: string
}

interface Branch {
  readonly prefix: number
  readonly local: string
  /** Index of the prefix (0: none) and namespace. */
  readonly declared: readonly (readonly [number, string])[]
  readonly attributes: readonly Attribute[]
  readonly content: readonly (string | Branch)[]
  readonly double: boolean
}

const prefixes = ['', 'a', 'b-1', 'ц', '_']
const namespaces = ['urn:a', 'urn:b', 'jabber:client', 'http://jabber.org/protocol/httpbind', `urn:'"<&>\u{1f600}`]

const local = fc.constantFrom('message', 'iq', 'body', 'x', 'Y.1', 'é', '\u{10000}', 'xm', 'constructor', '__proto__')
const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'ab;]>\'"/= \n\t', '\r', '\r\n') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('é', '€', '\u{1f600}', '\u{10fffd}', '\ufffd', '\ufeff', '\u2028', '\x7f'),
  },
)
const plain = fc.string({ unit: character, maxLength: 12 })
const reference = fc.constantFrom('&amp;', '&lt;', '&gt;', '&quot;', '&apos;', '&#65;', '&#x1F600;', '&#xd;', '&#10;')
const cdata = plain.map(text => `<![CDATA[${text.replaceAll(']]>', '')}<&]]>`)
const text = fc.oneof(
  // Two texts in a row must not form `]]>`.
  plain.map(words => words.replaceAll(']]>', '').replace(/\]+$/, '')),
  reference,
  cdata,
)
const space = fc.constantFrom(' ', '\n ', '\t', '  ', '\r\n')
const attribute = fc.record({
  prefix: fc.nat(20),
  local,
  value: fc.array(fc.oneof(plain, reference), { maxLength: 3 }).map(parts => parts.join('')),
  space,
})
const declared = fc.uniqueArray(
  fc
    .tuple(fc.nat(prefixes.length - 1), fc.constantFrom(...namespaces, ''))
    .filter(([prefix, uri]) => uri !== '' || prefix === 0),
  { selector: ([prefix]) => prefix, maxLength: 3 },
)

const { branch } = fc.letrec<{ branch: Branch }>(tie => ({
  branch: fc.record({
    prefix: fc.nat(20),
    local,
    declared,
    attributes: fc.array(attribute, { maxLength: 3 }),
    content: fc.array(fc.oneof({ depthSize: 'small', maxDepth: 4 }, text, tie('branch')), { maxLength: 4 }),
    double: fc.boolean(),
  }),
}))

type Scope = ReadonlyMap<string, string>

function write({ prefix, local, declared, attributes, content, double }: Branch, outer: Scope): string {
  const quote = double ? '"' : "'"
  const quoted = (value: string) => `${quote}${value.replaceAll(quote, double ? '&quot;' : '&apos;')}${quote}`
  const scope = new Map(outer)
  let start = ''
  for (const [index, uri] of declared) {
    scope.set(prefixes[index]!, uri)
    start += ` xmlns${index === 0 ? '' : `:${prefixes[index]}`}=${quoted(escapeXml(uri))}`
  }
  const named = [...scope.keys()].filter(key => key !== '')
  const seen = new Set<string>()
  for (const each of attributes) {
    const choice = each.prefix % (named.length + 2)
    const chosen = choice === 0 ? '' : choice === 1 ? 'xml' : named[choice - 2]!
    const expanded = `${chosen === '' ? '' : (scope.get(chosen) ?? 'xml')} ${each.local}`
    if (seen.has(expanded)) continue
    seen.add(expanded)
    start += `${each.space}${chosen === '' ? '' : `${chosen}:`}${each.local}${double ? ' = ' : '='}${quoted(each.value)}`
  }
  const own = ['', ...named][prefix % (named.length + 1)]!
  const name = own === '' ? local : `${own}:${local}`
  if (content.length === 0 && double) return `<${name}${start}/>`
  const inner = content.map(part => (typeof part === 'string' ? part : write(part, scope)))
  return `<${name}${start}>${inner.join('')}</${name}>`
}

export const randomStream = fc
  .record({
    declaration: fc.constantFrom('', "<?xml version='1.0'?>", '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n'),
    declared,
    children: fc.array(fc.tuple(fc.constantFrom('', ' ', '\n', '\r\n'), branch), { maxLength: 5 }),
    ends: fc.boolean(),
  })
  .map(({ declaration, declared, children, ends }) => {
    const scope = new Map<string, string>()
    let start = '<s:stream xmlns:s="urn:s"'
    scope.set('s', 'urn:s')
    for (const [index, uri] of declared) {
      scope.set(prefixes[index]!, uri)
      start += ` xmlns${index === 0 ? '' : `:${prefixes[index]}`}="${escapeXml(uri)}"`
    }
    const inner = children.map(([space, child]) => space + write(child, scope)).join('')
    return `${declaration}${start}>${inner}${ends ? '</s:stream>' : ''}`
  })

/** As fractions of the length. */
export const randomCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

export function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const offsets = cuts.map(fraction => Math.floor(fraction * bytes.length)).sort((a, b) => a - b)
  return [0, ...offsets].map((from, index) => bytes.subarray(from, offsets[index] ?? bytes.length))
}

/** Independent of how the element is written. */
export type Meaning = { name: string; attributes: Record<string, string>; content: (string | Meaning)[] }

/** Parses a document with saxes. */
export function meaning(xml: string): Meaning[] {
  const document: Meaning = { name: '', attributes: {}, content: [] }
  const open = [document]
  const parser = new SaxesParser({ xmlns: true })
  parser.on('error', error => {
    throw error
  })
  parser.on('opentag', ({ uri, local, attributes }) => {
    const element: Meaning = { name: `{${uri}}${local}`, attributes: Object.create(null), content: [] }
    for (const each of Object.values<SaxesAttributeNS>(attributes)) {
      if (each.uri !== 'http://www.w3.org/2000/xmlns/') element.attributes[`{${each.uri}}${each.local}`] = each.value
    }
    open.at(-1)!.content.push(element)
    open.push(element)
  })
  parser.on('closetag', () => open.pop())
  const add = (words: string) => {
    const { content } = open.at(-1)!
    if (typeof content.at(-1) === 'string') content[content.length - 1] += words
    else content.push(words)
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.write(xml)
  return document.content.filter(part => typeof part !== 'string')
}
