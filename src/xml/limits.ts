/** How much of what a peer may send (checked while parsing, not after). */
export interface XmlLimits {
  /** Longest top-level element accepted, in bytes of UTF-8. */
  readonly maxElementBytes: number
  /** Deepest nesting, the root counted as 0. */
  readonly maxDepth: number
  readonly maxAttributes: number
  /** Longest element or attribute name, in characters. */
  readonly maxNameLength: number
  /** Most top-level elements; 0 for no limit. */
  readonly maxChildren: number
  /** Longest declarations of the root's, in characters: all its prefixes and namespaces together. */
  readonly maxDeclarations: number
}

export const defaultLimits: XmlLimits = {
  maxElementBytes: 1024 * 1024,
  maxDepth: 128,
  maxAttributes: 64,
  maxNameLength: 256,
  maxChildren: 0,
  maxDeclarations: 512,
}
