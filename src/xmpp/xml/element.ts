export const streamsNamespace = 'http://etherx.jabber.org/streams'

export interface Element {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  readonly text: string
}

/** What happened to a child that broke namespace rules or limits. */
export type Fate = 'mended' | 'dropped'

export interface Unfit {
  readonly fate: Fate
  /** The dropped stanza without its content. Undefined if it cannot be read. */
  readonly dropped?: Element | undefined
}

export type MeantNamespace = (name: string, namespace: string) => string

export const asWritten: MeantNamespace = (_name, namespace) => namespace

/** Stream management counts only stanzas (XEP-0198 §4). */
export function isStanza({ name, namespace }: Element): boolean {
  return namespace === 'jabber:client' && isStanzaName(name)
}

export const isStanzaName = (name: string): boolean => name === 'message' || name === 'presence' || name === 'iq'
