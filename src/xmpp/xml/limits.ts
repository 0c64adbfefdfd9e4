export interface XmlLimits {
  /** UTF-8 bytes of a top-level element. */
  readonly maxElementBytes: number
  /** The root has depth 0. */
  readonly maxDepth: number
  readonly maxAttributes: number
  /** In characters. */
  readonly maxNameLength: number
  /**
   * 0 means no limit. Beyond the limit, a server's stanzas are dropped, and other elements end the document. Beyond
   * ten times the limit, stanzas end the document too.
   */
  readonly maxChildren: number
  /** Characters of an element's namespace declarations. */
  readonly maxDeclarations: number
}

/** The limit for elements from servers is higher by this factor, for wrapped stanzas (XEP-0280) and long rosters. */
const serverFactor = 4

/** Common servers have the same default. */
const usualStanzaBytes = 262_144

export const defaultLimits: XmlLimits = {
  maxElementBytes: serverFactor * usualStanzaBytes,
  maxDepth: 128,
  maxAttributes: 64,
  maxNameLength: 256,
  maxChildren: 0,
  maxDeclarations: 512,
}

export const serverLimits = (maxStanzaBytes: number): XmlLimits => ({
  ...defaultLimits,
  maxElementBytes: serverFactor * maxStanzaBytes,
})
