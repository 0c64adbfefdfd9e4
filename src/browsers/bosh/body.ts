import { hash } from 'node:crypto'
import type { Condition } from '../../lib/errors.js'
import { longestJid } from '../../xmpp/jid/jid.js'
import { boshNamespace, stanzaNamespace, streamsNamespace, xboshNamespace } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { documentReader } from '../../xmpp/xml/document.js'
import { attribute, escapeXml } from '../../xmpp/xml/escape.js'
import { defaultLimits } from '../../xmpp/xml/limits.js'
import type { Root } from '../../xmpp/xml/root.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'

/** The size of stanzas is checked later (`session/payload.ts`). */
const limits = { ...defaultLimits, maxElementBytes: Number.POSITIVE_INFINITY, maxChildren: 5_000 }

/** A factor. With an added `xmlns`, `<presence/>` is three times as long. */
const mostGrowth = 4

const requests = documentReader(limits, { meantNamespace: stanzaNamespace, maxGrowth: mostGrowth })

export type Body = Readonly<ReturnType<typeof parseBody>>

/** Throws an `XmlError`. An invalid number becomes NaN (XEP-0124 §22). */
export function parseBody(text: string) {
  if (text === '') throw new XmlError('not-well-formed', 'it is empty, or not UTF-8')
  const { root, children } = requests(text)
  if (root.name !== 'body' || root.namespace !== boshNamespace)
    throw new XmlError('bad-format', 'the root is not a <body/>')
  const type = root.attribute('type')
  return {
    text,
    sid: root.attribute('sid'),
    rid: integer(root.attribute('rid'), 1, Number.MAX_SAFE_INTEGER),
    to: copyOf(root.attribute('to')),
    from: root.kept('from', longestJid),
    wait: lowered(root.attribute('wait'), 65535),
    hold: lowered(root.attribute('hold'), 255),
    pause: integer(root.attribute('pause'), 1, 65535),
    ack: integer(root.attribute('ack'), 0, Number.MAX_SAFE_INTEGER),
    key: root.kept('key', longestJid),
    newkey: root.kept('newkey', longestJid),
    ver: root.attribute('ver'),
    content: root.attribute('content'),
    lang: root.kept('xml:lang', longestJid),
    /** Gloox and drafts of XEP-0124 write `terminal`. */
    terminate: type === 'terminate' || type === 'terminal',
    restart: boolean(restartOf(root)),
    /** A text with one character for each byte of the hash. */
    digest: hash('sha256', text, 'binary'),
    payload: children,
  }
}

/** Some clients write `restart` without its prefix. */
function restartOf(root: Root): string | undefined {
  const { names, values } = root
  let restart: string | undefined
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!
    if (!name.endsWith('restart')) continue
    const isXbosh = name.at(-8) === ':' && root.namespaceOf(name.slice(0, -8)) === xboshNamespace
    if (isXbosh || name === 'restart') restart = values[index]
  }
  return restart
}

/** The largest rid has 16 digits. */
function integer(text: string | undefined, min: number, max: number): number | undefined {
  if (text !== undefined && text.length > 16) return Number.NaN
  const value = lowered(text, max + 1)
  return value === undefined || (value >= min && value <= max) ? value : Number.NaN
}

function lowered(text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined
  if (text === '') return Number.NaN
  let value = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    value = Math.min(max, 10 * value + digit)
  }
  return value
}

function boolean(text: string | undefined): boolean | undefined {
  if (text === undefined || text === 'false' || text === '0') return false
  return text === 'true' || text === '1' ? true : undefined
}

const bodyStart = /^\s*(?:<\?xml\s[^<>]{0,200}\?>\s*)?<(?:[^\s:<>/]{1,64}:)?body(?=\s)/g
const headAttribute = /\s+([^\s=>/]+)\s*=\s*(?:'([^'<]*)'|"([^"<]*)")/y

/** Reads `sid` and `rid` from the start of a request, which may be incomplete. */
export function readBodyHead(head: string): { sid: string | undefined; rid: number | undefined } {
  let sid: string | undefined
  let rid: number | undefined
  bodyStart.lastIndex = 0
  if (bodyStart.test(head)) {
    headAttribute.lastIndex = bodyStart.lastIndex
    for (let found = headAttribute.exec(head); found !== null; found = headAttribute.exec(head)) {
      const [, name, single, double] = found
      const value = single ?? double!
      if (name === 'sid') sid ??= value
      else if (name === 'rid' && /^\d{1,16}$/.test(value)) rid ??= Number(value)
    }
  }
  return { sid, rid }
}

/** XEP-0124 §8. */
export const emptyBody = `<body xmlns='${boshNamespace}'/>`

/** XEP-0124 §17.3. */
export const errorBody = `<body type='error' xmlns='${boshNamespace}'/>`

/** Each attribute in `attributes` begins with a space. */
export function writeBody(attributes: string, payload: string, hasStreamElement = false): string {
  if (attributes === '' && payload === '') return emptyBody
  const stream = hasStreamElement ? ` xmlns:stream='${streamsNamespace}'` : ''
  const start = `<body${attributes} xmlns='${boshNamespace}'${stream}`
  return payload === '' ? `${start}/>` : `${start}>${payload}</body>`
}

/** XEP-0124 §13, §17.2. */
export function writeTerminate(condition: Condition | undefined, streamError = ''): string {
  return writeBody(` type='terminate'${attribute('condition', condition)}`, streamError, streamError !== '')
}

/** For a person who debugs a client. Clients use the condition only (XEP-0124 §17.2). */
export function writeRefusal(condition: Condition, sentence: string): string {
  return writeBody(` type='terminate'${attribute('condition', condition)}`, `<text>${escapeXml(sentence)}</text>`)
}

/** XEP-0124 §17.2. */
export function writeSeeOther(uri: string): string {
  return writeBody(" type='terminate' condition='see-other-uri'", `<uri>${escapeXml(uri)}</uri>`)
}
