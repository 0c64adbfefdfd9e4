/** A child of the root as independent text. */
export interface Element {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  readonly text: string
}

/** What happened to a child with bad namespaces or beyond the limits. */
export type Fate = 'mended' | 'dropped'

/** The intended namespace of a child. */
export type MeantNamespace = (name: string, namespace: string) => string

export const asWritten: MeantNamespace = (_name, namespace) => namespace
