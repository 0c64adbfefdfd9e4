import type { EndReason } from '../counts.js'
import type { Condition } from '../errors.js'
import type { StreamHeader } from '../link.js'
import { streamsNamespace } from '../namespaces.js'
import { readElement } from '../xml/document.js'
import type { Element } from '../xml/element.js'
import { attribute, writeBody, writeTerminate } from './body.js'
import type { Reply } from './peer.js'
import { defaultContentType, type Terms } from './terms.js'

/** Closes the connection: what came over it is not to be trusted with an answer. */
export const noAnswer: Reply = { status: 0, body: '', contentType: '' }

/** What is said of a session that does not exist, or belongs to another browser (XEP-0124 §17.2). */
export const notFound: Reply = {
  status: 200,
  body: writeTerminate('item-not-found'),
  contentType: defaultContentType,
}

/** What clients are told of sessions that ended (XEP-0124 §17.2). */
export const conditionOf: Partial<Record<EndReason, Condition>> = {
  'connection-lost': 'remote-connection-failed',
  replaced: 'remote-stream-error',
  'stream-error': 'remote-stream-error',
  'login-timeout': 'policy-violation',
  limit: 'policy-violation',
  shutdown: 'system-shutdown',
}

/** Only clients of the protocol's first version are told by status (XEP-0124 §17.1). */
const legacyStatus: Partial<Record<Condition, number>> = {
  'bad-request': 400,
  'policy-violation': 403,
  'item-not-found': 404,
}

/** Writes a session's replies; the first ones carry what was agreed and what the server said of itself. */
export class ReplyWriter {
  readonly #contentType: string
  readonly #legacy: boolean
  #announcement: string | undefined
  #header: StreamHeader | undefined = undefined
  /** Whether the header was taken, or need not be told. */
  #isIntroduced: boolean

  /** `announcement` is what the first reply says of the session; undefined where its page was told by other means. */
  constructor(terms: Terms, announcement: string | undefined) {
    this.#contentType = terms.contentType
    this.#legacy = terms.legacy
    this.#announcement = announcement
    this.#isIntroduced = announcement === undefined
  }

  /** Takes the server's stream header, for the next reply to tell. Only the first one counts. */
  introduce(header: StreamHeader): void {
    if (this.#isIntroduced) return
    this.#header = header
    this.#isIntroduced = true
  }

  /** A reply with elements for the client, or none; `attributes` come with a leading space each. */
  write(elements: readonly Element[], attributes: string): string {
    let payload = ''
    let hasStreamElement = false
    for (const { namespace, text } of elements) {
      payload += text
      hasStreamElement ||= namespace === streamsNamespace
    }
    return writeBody(this.#firstAttributes() + attributes, payload, hasStreamElement)
  }

  /** Puts a `<body/>` into the envelope. */
  wrap(body: string): Reply {
    return { status: 200, body, contentType: this.#contentType }
  }

  /** The reply that ends the session; without a condition where the client asked for the end. */
  terminate(condition: Condition | undefined, streamError?: string): Reply {
    const status = this.#legacy && condition !== undefined ? legacyStatus[condition] : undefined
    if (status !== undefined) return { status, body: '', contentType: this.#contentType }
    return this.wrap(writeTerminate(condition, streamError))
  }

  /** What the creation reply says, or the next one if it had to leave before the server's header came. */
  #firstAttributes(): string {
    if (this.#announcement === undefined && this.#header === undefined) return ''
    const terms = this.#announcement ?? ''
    this.#announcement = undefined
    if (this.#header === undefined) return terms
    const { from, id } = this.#header
    this.#header = undefined
    return (
      terms +
      attribute('from', from) +
      attribute('authid', id) +
      ` xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0' xmpp:restartlogic='true'`
    )
  }
}

/** The stanzas in a reply that was written before; what belongs to the stream is left out. */
export function stanzasIn(reply: string): Element[] {
  return readElement(reply).children.filter(({ namespace }) => namespace === 'jabber:client')
}
