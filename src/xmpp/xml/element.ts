/** A child of the root, as the text it arrived in, made independent of the root's namespace declarations. */
export interface Element {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  readonly text: string
}

/** What became of a child that is well-formed XML, and breaks the rules of namespaces or is beyond the limits. */
export type Fate = 'mended' | 'dropped'

/** The namespace that a child of the root is meant to be in, by its local name and the one it was written in. */
export type MeantNamespace = (name: string, namespace: string) => string

/** What was written was meant. */
export const asWritten: MeantNamespace = (_name, namespace) => namespace
