// How XMPP stands in WebSocket messages: each is one whole element (RFC 7395 §3.3).
import { framingNamespace, streamsNamespace } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { documentReader, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute, escapeXml } from '../../xmpp/xml/escape.js'
import { defaultLimits } from '../../xmpp/xml/limits.js'
import { Splitter } from '../../xmpp/xml/splitter.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'

/** Why a message cannot be taken, as RFC 6120 §4.9.3 calls it. */
export type MessageFault = XmlError['fault'] | 'bad-format' | 'invalid-namespace'

/** The parent of the elements of all messages. It has no default namespace to inherit (RFC 7395 §3.3.3). */
const root = Buffer.from(`<stream:stream xmlns:stream='${streamsNamespace}'>`)
const less = 0x3c
const greater = 0x3e
const question = 0x3f
const space: ReadonlySet<number | undefined> = new Set(Buffer.from(' \t\r\n'))

const stanzas: ReadonlySet<string> = new Set(['message', 'presence', 'iq'])

/** Longest XML declaration, in bytes. */
const longestDeclaration = 256
/** The length of a message is checked before it is read. */
const messageLimits = { ...defaultLimits, maxElementBytes: Number.POSITIVE_INFINITY }

const readDocument = documentReader(defaultLimits)

/** Reads messages, one after the other. */
class MessageReader {
  #splitter: Splitter | undefined
  #elements: Element[] = []
  #isClosed = false

  /** The one element that a message is, or why it is none. */
  read(message: Buffer): Element | MessageFault {
    const declared = message[1] === question ? declarationBytes(message) : 0
    if (declared === 0) return this.#readElement(message)
    const element = this.#readElement(message.subarray(declared))
    // Inside a stream, declarations are not allowed.
    return typeof element === 'string' || isOpening(element) ? element : 'restricted-xml'
  }

  #readElement(message: Buffer): Element | MessageFault {
    if (message[0] !== less || message[message.length - 1] !== greater) return 'bad-format'
    this.#splitter ??= this.#begin()
    try {
      this.#splitter.write(message)
      if (!this.#splitter.isBetweenElements || this.#isClosed) return this.#fail('not-well-formed')
      const [element, ...others] = this.#elements
      if (element === undefined || others.length > 0) return this.#fail('bad-format')
      return hasNamespace(element) ? element : 'invalid-namespace'
    } catch (error) {
      if (error instanceof XmlError) return this.#fail(error.fault)
      this.#splitter = undefined
      throw error
    } finally {
      // A password may be in it, and the next message may be long in coming.
      this.#elements = []
    }
  }

  #begin(): Splitter {
    this.#isClosed = false
    const sink = {
      onOpen() {},
      onElement: (element: Element) => void this.#elements.push(element),
      onClose: () => {
        this.#isClosed = true
      },
    }
    const splitter = new Splitter(sink, messageLimits)
    splitter.write(root)
    return splitter
  }

  /** Nothing of a faulty message is left for the next one, which is another client's. */
  #fail(fault: MessageFault): MessageFault {
    this.#splitter = undefined
    return fault
  }
}

const reader = new MessageReader()

/** The length of the XML declaration at the start of a message, with the white space behind it, in bytes; 0 without one. */
function declarationBytes(message: Buffer): number {
  let end = message.subarray(0, longestDeclaration).indexOf('?>') + 2
  if (end < 2) return 0
  try {
    readDocument(`${message.toString('latin1', 0, end)}<open/>`)
  } catch {
    return 0
  }
  while (space.has(message[end])) end += 1
  return end
}

const isOpening = ({ name, namespace }: Element) => name === 'open' && namespace === framingNamespace

/** Whether an element names its namespace, and a stanza that of clients (RFC 7395 §3.3.3). */
const hasNamespace = ({ name, namespace }: Element) =>
  stanzas.has(name) ? namespace === 'jabber:client' : namespace !== ''

/** The one element that a message is, or why it is none (RFC 7395 §3.3.3). The message is valid UTF-8. */
export const readMessage = (message: Buffer): Element | MessageFault => reader.read(message)

/** Longest value of an attribute that a session keeps, in UTF-16 units: as long as a JID in ASCII (RFC 7622 §3.1). */
const longestKept = 3071

/** What a client says when it opens a stream (RFC 7395 §3.4). */
export interface StreamOpening {
  readonly to: string | undefined
  readonly from: string | undefined
  readonly lang: string | undefined
  readonly version: string | undefined
}

/** Reads an `<open/>`; undefined for another element, and for one that is no good. */
export function readOpen(element: Element): StreamOpening | undefined {
  if (!isOpening(element)) return undefined
  const { text } = element
  const tag = startTagOf(text)
  const [to, from, lang] = [tag.attribute('to'), tag.attribute('from'), tag.attribute('xml:lang')]
  if ([to, from, lang].some(value => value !== undefined && value.length > longestKept)) return undefined
  const kept = (value: string | undefined) => (value === undefined ? undefined : copyOf(value))
  return { to, from: kept(from), lang: kept(lang), version: tag.attribute('version') }
}

/** Opens our side of a stream (RFC 7395 §3.4), in the language of the server's own side (RFC 6120 §4.7.4). */
export function writeOpen(from: string | undefined, id: string | undefined, lang = 'en'): string {
  const attributes = attribute('from', from) + attribute('id', id) + attribute('xml:lang', lang)
  return `<open xmlns='${framingNamespace}' version='1.0'${attributes}/>`
}

/**
 * Closes our side of a stream (RFC 7395 §3.6), and says where else to go, if anywhere (§3.6.1). Written to the character
 * as Strophe compares it: by another text it learns of the end only when its own `<close/>` has waited 5 seconds.
 */
export function writeClose(seeOther?: string): string {
  const elsewhere = seeOther === undefined ? '' : ` see-other-uri="${escapeXml(seeOther)}"`
  return `<close xmlns="${framingNamespace}"${elsewhere} />`
}

/** An element that a server sent, as a message: what begins with `stream:` has to declare that prefix (RFC 7395 §3.3.3). */
export function messageOf({ namespace, text }: Element): string {
  return namespace === streamsNamespace ? declareStream(text) : text
}

/** Declares the prefix `stream` in an element that begins with it, and does not do so itself. */
export function declareStream(text: string): string {
  const [start = '', name] = /^<(stream:[a-z]+)[^>]*>?/.exec(text) ?? []
  if (name === undefined || start.includes(' xmlns:stream=')) return text
  return `<${name} xmlns:stream='${streamsNamespace}'${text.slice(name.length + 1)}`
}
