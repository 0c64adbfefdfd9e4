import { hash } from 'node:crypto'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import type { StoredSession } from '../../store/store.js'
import { bind2Namespace, sasl2Namespace } from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** XEP-0198 §5. */
export const longestStreamId = 4000

/** A stream takes 200 bytes. If a forgotten stream is resumed, only the user's bare JID is known. */
const mostStreams = 20_000

interface ResumableStream {
  readonly jid: string
  readonly session: string
}

export class ResumableStreams {
  readonly #streams = new Map<string, ResumableStream>()

  note({ id: session, domain, jid }: Pick<StoredSession, 'id' | 'domain' | 'jid'>, element: Element): void {
    if (jid === undefined) return
    for (const { name, text } of managementIn(element)) {
      if (name !== 'enabled' && name !== 'resumed') continue
      const id = startTagOf(text).attribute(name === 'enabled' ? 'id' : 'previd')
      if (id === undefined || id.length > longestStreamId) continue
      const key = keyOf(domain, id)
      this.#streams.delete(key)
      this.#streams.set(key, { jid, session })
      forgetOldest(this.#streams, mostStreams)
    }
  }

  of(domain: string, id: string): ResumableStream | undefined {
    return this.#streams.get(keyOf(domain, id))
  }
}

/** True for all versions of XEP-0198. */
export function isManagement({ namespace }: { readonly namespace: string }): boolean {
  return namespace.startsWith('urn:xmpp:sm:')
}

/** Elements of stream management may be children of a login's answer (XEP-0386, XEP-0198 §9). */
export function managementIn(element: Element): readonly Element[] {
  const { name, namespace, text } = element
  if (namespace === sasl2Namespace || namespace === bind2Namespace)
    return name === 'success' || name === 'bound' ? childrenOf(text).flatMap(managementIn) : []
  return isManagement(element) ? [element] : []
}

/** A hash, because ids may have thousands of characters. */
const keyOf = (domain: string, id: string) => hash('sha256', `${domain} ${id}`, 'base64')
