/** How much of what a peer may send (checked while parsing, not after). */
export interface XmlLimits {
  /** Longest top-level element accepted, in bytes of UTF-8. */
  readonly maxElementBytes: number
  /** Deepest nesting, the root counted as 0. */
  readonly maxDepth: number
  readonly maxAttributes: number
  /** Longest element or attribute name, in characters. */
  readonly maxNameLength: number
  /**
   * Most top-level elements; 0 for no limit. Of a server, stanzas beyond it are dropped, up to ten times as many, and what is
   * no stanza ends the document.
   */
  readonly maxChildren: number
  /** Longest declarations of the root, and of each top-level element, in characters: all prefixes and namespaces together. */
  readonly maxDeclarations: number
}

/**
 * How many times as long as a client's stanza a server's stanza may be. Servers wrap stanzas (XEP-0280, XEP-0313), and send
 * rosters, which reach 262,144 bytes with some 2,500 contacts.
 */
const serverFactor = 4

/** Longest stanza of clients, in bytes, unless a setting says otherwise: what common servers take (RFC 6120 §13.12). */
export const usualStanzaBytes = 262_144

export const defaultLimits: XmlLimits = {
  maxElementBytes: serverFactor * usualStanzaBytes,
  maxDepth: 128,
  maxAttributes: 64,
  maxNameLength: 256,
  maxChildren: 0,
  maxDeclarations: 512,
}

/** The limits for stanzas of a server whose clients may send stanzas of so many bytes. */
export const serverLimits = (maxStanzaBytes: number): XmlLimits => ({
  ...defaultLimits,
  maxElementBytes: serverFactor * maxStanzaBytes,
})
