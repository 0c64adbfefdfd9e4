import { hash } from 'node:crypto'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { bind2Namespace, sasl2Namespace } from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** Prefix of all versions of XEP-0198. */
export const smFamily = 'urn:xmpp:sm:'
/** XEP-0198 §5. */
export const longestStreamId = 4000

/** A stream takes 200 bytes. Of a forgotten stream, only the account's bare JID is known. */
const mostStreams = 20_000

export interface ResumableStream {
  /** A full JID. */
  readonly jid: string
  readonly session: string
}

/** Servers check that only the owner resumes a stream. */
export class ResumableStreams {
  readonly #streams = new Map<string, ResumableStream>()

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

function idsIn({ name, namespace, text }: Element): readonly string[] {
  // Elements of stream management may be children of a login's answer (XEP-0386, XEP-0198 §9).
  if (namespace === sasl2Namespace || namespace === bind2Namespace)
    return name === 'success' || name === 'bound' ? childrenOf(text).flatMap(idsIn) : []
  if (!namespace.startsWith(smFamily) || (name !== 'enabled' && name !== 'resumed')) return []
  const id = startTagOf(text).attribute(name === 'enabled' ? 'id' : 'previd')
  return id !== undefined && id.length <= longestStreamId ? [id] : []
}

/** A hash, because ids may have thousands of characters. */
const keyOf = (domain: string, id: string) => hash('sha256', `${domain} ${id}`, 'base64')
