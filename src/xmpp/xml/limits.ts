export interface XmlLimits {
  /** UTF-8 bytes of a top-level element. */
  readonly maxElementBytes: number
  /** The root has depth 0. */
  readonly maxDepth: number
  readonly maxAttributes: number
  /** In characters. */
  readonly maxNameLength: number
  /**
   * 0: no limit. A server's further stanzas are dropped, up to ten times the limit. Other elements end the document.
   */
  readonly maxChildren: number
  /** Characters of an element's namespace declarations. */
  readonly maxDeclarations: number
}

/** Servers wrap stanzas (XEP-0280, XEP-0313), and rosters of 2,500 contacts have 262,144 bytes. */
const serverFactor = 4

/** In bytes. Common servers have the same default (RFC 6120 §13.12). */
export const usualStanzaBytes = 262_144

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
