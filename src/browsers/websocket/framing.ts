import { longestJid } from '../../xmpp/jid/jid.js'
import { framingNamespace, isNamed, streamsNamespace } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import { type Element, isStanzaName } from '../../xmpp/xml/element.js'
import { attribute, escapeXml } from '../../xmpp/xml/escape.js'
import { defaultLimits } from '../../xmpp/xml/limits.js'
import { Splitter } from '../../xmpp/xml/splitter.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'

/** RFC 6120 §4.9.3. */
type MessageFault = XmlError['fault'] | 'bad-format' | 'invalid-namespace'

/** Has no default namespace, so stanzas must declare theirs (RFC 7395 §3.3.3). */
const root = Buffer.from(`<stream:stream xmlns:stream='${streamsNamespace}'>`)
const less = 0x3c
const greater = 0x3e
const question = 0x3f
const space: ReadonlySet<number | undefined> = new Set(Buffer.from(' \t\r\n'))

const longestDeclarationBytes = 256
const declaration = /^<\?xml\s[^<>]{0,200}\?>\s*/
/** No limit here, because `ws` has checked the length of the message. */
const messageLimits = { ...defaultLimits, maxElementBytes: Number.POSITIVE_INFINITY }

export function readMessage(message: Buffer): Element | MessageFault {
  const declared = message[1] === question ? declarationBytes(message) : 0
  const element = readElement(withoutSpace(declared === 0 ? message : message.subarray(declared)))
  const isAllowed = declared === 0 || typeof element === 'string' || isOpening(element)
  return isAllowed ? element : 'restricted-xml'
}

/** All messages share a splitter, as if they were one stream, until a message is wrong. */
let shared: Splitter | undefined
let elements: Element[] = []

function readElement(message: Buffer): Element | MessageFault {
  if (message[0] !== less || message[message.length - 1] !== greater) return 'bad-format'
  const splitter = shared ?? beginStream()
  shared = undefined
  try {
    splitter.write(message)
    if (!splitter.isBetweenElements) return 'not-well-formed'
    const [element, ...others] = elements
    if (element === undefined || others.length > 0) return 'bad-format'
    if (!hasNamespace(element)) return 'invalid-namespace'
    shared = splitter
    return element
  } catch (error) {
    if (error instanceof XmlError) return error.fault
    throw error
  } finally {
    // Frees the elements, which may contain a password.
    elements = []
  }
}

function beginStream(): Splitter {
  const sink = {
    onElement: (element: Element) => void elements.push(element),
    onClose() {
      throw new XmlError('not-well-formed', 'the message closes the root')
    },
  }
  const splitter = new Splitter(sink, messageLimits)
  splitter.write(root)
  return splitter
}

function declarationBytes(message: Buffer): number {
  const [text = ''] = declaration.exec(message.toString('latin1', 0, longestDeclarationBytes)) ?? []
  return /encoding/.test(text) && !/utf-8/i.test(text) ? 0 : text.length
}

/** Around the element. Some clients end each message with a line break. */
function withoutSpace(message: Buffer): Buffer {
  let [start, end] = [0, message.length]
  while (space.has(message[start])) start += 1
  while (end > start && space.has(message[end - 1])) end -= 1
  return end - start === message.length ? message : message.subarray(start, end)
}

const isOpening = isNamed('open', framingNamespace)

/** RFC 7395 §3.3.3. */
const hasNamespace = ({ name, namespace }: Element) =>
  isStanzaName(name) ? namespace === 'jabber:client' : namespace !== ''

export type StreamOpening = NonNullable<ReturnType<typeof readOpen>>

/** RFC 7395 §3.4. */
export function readOpen(element: Element) {
  if (!isOpening(element)) return undefined
  const { text } = element
  const tag = startTagOf(text)
  const [to, from, lang] = [tag.attribute('to'), tag.attribute('from'), tag.attribute('xml:lang')]
  if ([to, from, lang].some(value => value !== undefined && value.length > longestJid)) return undefined
  return { to: copyOf(to), from: copyOf(from), lang: copyOf(lang), version: tag.attribute('version') }
}

/** RFC 7395 §3.4, RFC 6120 §4.7.4. */
export function writeOpen(from: string | undefined, id: string | undefined, lang = 'en'): string {
  const attributes = attribute('from', from) + attribute('id', id) + attribute('xml:lang', lang)
  return `<open xmlns='${framingNamespace}' version='1.0'${attributes}/>`
}

/** RFC 7395 §3.6. Strophe expects exactly this text, or else waits for 5 s. */
export function writeClose(seeOther?: string): string {
  const elsewhere = seeOther === undefined ? '' : ` see-other-uri="${escapeXml(seeOther)}"`
  return `<close xmlns="${framingNamespace}"${elsewhere} />`
}

/** RFC 7395 §3.3.3. */
export function messageOf({ namespace, text }: Element): string {
  return namespace === streamsNamespace ? declareStream(text) : text
}

export function declareStream(text: string): string {
  const [start = '', name] = /^<(stream:[a-z]+)[^>]*>?/.exec(text) ?? []
  if (name === undefined || start.includes(' xmlns:stream=')) return text
  return `<${name} xmlns:stream='${streamsNamespace}'${text.slice(name.length + 1)}`
}
