import { hash } from 'node:crypto'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import type { StoredSession } from '../../store/store.js'
import { bind2Namespace, sasl2Namespace } from '../../xmpp/namespaces.js'
import { readStreamId } from '../../xmpp/stanza-counts.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** A stream takes 200 bytes. If a forgotten stream is resumed, only the user's bare JID is known. */
const mostStreams = 20_000

interface ResumableStream {
  readonly jid: string
  readonly session: string
}

type Owner = Pick<StoredSession, 'id' | 'domain' | 'jid'>

export class ResumableStreams {
  readonly #streams = new Map<string, ResumableStream>()
  /** One for each session, because a server could name any number. */
  readonly #keys = new WeakMap<Owner, string>()

  note(owner: Owner, element: Element): void {
    const { id: session, domain, jid } = owner
    if (jid === undefined) return
    for (const { name, text } of managementIn(element)) {
      if (name !== 'enabled' && name !== 'resumed') continue
      const id = readStreamId(startTagOf(text).attribute(name === 'enabled' ? 'id' : 'previd'))
      if (id === undefined) continue
      this.forget(owner)
      const key = keyOf(domain, id)
      this.#keys.set(owner, key)
      this.#streams.delete(key)
      this.#streams.set(key, { jid, session })
      forgetOldest(this.#streams, mostStreams)
    }
  }

  /** Its server will not resume its stream. */
  forget(owner: Owner): void {
    const key = this.#keys.get(owner)
    if (key !== undefined && this.#streams.get(key)?.session === owner.id) this.#streams.delete(key)
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
