import { hash } from 'node:crypto'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { bind2Namespace, sasl2Namespace } from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** The beginning of the namespaces of stream management, in all its versions (XEP-0198). */
export const smFamily = 'urn:xmpp:sm:'
/** Longest id of a stream (XEP-0198 §5), in UTF-16 units. */
export const longestStreamId = 4000

/** How many streams are remembered: 200 bytes each. A forgotten stream can still be resumed, by the bare JID of its account. */
const mostStreams = 20_000

/** A stream that a client may resume over another connection (XEP-0198 §5). */
export interface ResumableStream {
  /** The full JID. */
  readonly jid: string
  /** The handle of the last session that had it. */
  readonly session: string
}

/** The owners of streams that servers keep for clients of this process. Servers check that only the owner resumes a stream. */
export class ResumableStreams {
  readonly #streams = new Map<string, ResumableStream>()

  /** Remembers the id of the user's stream, if this element of the domain's server has it. */
  note(domain: string, element: Element, stream: ResumableStream): void {
    for (const id of idsIn(element)) {
      const key = keyOf(domain, id)
      this.#streams.delete(key)
      this.#streams.set(key, stream)
      forgetOldest(this.#streams, mostStreams)
    }
  }

  of(domain: string, id: string): ResumableStream | undefined {
    return this.#streams.get(keyOf(domain, id))
  }
}

/** The ids in an element of a server by which the user may resume the stream. */
function idsIn({ name, namespace, text }: Element): readonly string[] {
  // Both may come with a login (XEP-0386, XEP-0198 §9).
  if (namespace === sasl2Namespace || namespace === bind2Namespace)
    return name === 'success' || name === 'bound' ? childrenOf(text).flatMap(idsIn) : []
  if (!namespace.startsWith(smFamily) || (name !== 'enabled' && name !== 'resumed')) return []
  const id = startTagOf(text).attribute(name === 'enabled' ? 'id' : 'previd')
  return id !== undefined && id.length <= longestStreamId ? [id] : []
}

/** Ids may have thousands of characters. */
const keyOf = (domain: string, id: string) => hash('sha256', `${domain} ${id}`, 'base64')
