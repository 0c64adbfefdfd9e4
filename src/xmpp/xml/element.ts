export const streamsNamespace = 'http://etherx.jabber.org/streams'

export interface Element {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  readonly text: string
  /** The service has made it: no page repeats it. */
  readonly isOurs?: boolean
  /** Only the start of a stanza that was dropped, but counts (XEP-0198 §4). */
  readonly isDropped?: boolean
}

/** In place of a stanza that was dropped, and whose start is not known. */
export const droppedStanza: Element = { name: '', namespace: '', text: '', isDropped: true }

export type MeantNamespace = (name: string, namespace: string) => string

export const asWritten: MeantNamespace = (_name, namespace) => namespace

/** Stream management counts only stanzas (XEP-0198 §4). */
export function isStanza({ name, namespace }: Pick<Element, 'name' | 'namespace'>): boolean {
  return namespace === 'jabber:client' && isStanzaName(name)
}

export const isStanzaName = (name: string): boolean => name === 'message' || name === 'presence' || name === 'iq'
