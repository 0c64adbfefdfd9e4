export interface XmlLimits {
  /** UTF-8 bytes of a top-level element. */
  readonly maxElementBytes: number
  /** The same for stanzas of servers. */
  readonly maxStanzaBytes: number
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
  /** Characters of an element's namespace declarations, with those that escapes add. */
  readonly maxDeclarations: number
}

export const defaultLimits: XmlLimits = {
  maxElementBytes: 1_048_576,
  // A roster of 20,000 contacts with names and groups has 2.6 MB.
  maxStanzaBytes: 4 * 1_048_576,
  maxDepth: 128,
  maxAttributes: 64,
  maxNameLength: 256,
  maxChildren: 0,
  maxDeclarations: 512,
}

/** For text that was checked: elements may be longer, because they have inherited declarations. */
export const limitsOfChecked: XmlLimits = {
  ...defaultLimits,
  maxElementBytes: Number.POSITIVE_INFINITY,
  maxAttributes: Number.POSITIVE_INFINITY,
  maxNameLength: Number.POSITIVE_INFINITY,
  maxDeclarations: Number.POSITIVE_INFINITY,
}
