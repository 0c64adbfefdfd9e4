/** The namespaces that a start tag declares. */
export interface Declarations {
  /** Empty where none is declared. */
  readonly defaultNamespace: string
  readonly prefixes: readonly string[]
  /** In the order of the prefixes. */
  readonly namespaces: readonly string[]
}

/**
 * Whether so many characters are not enough for what namespaces and prefixes a root declares. Each child that uses them gets
 * a copy, and a short one may be one of many thousands.
 */
export function declaresTooMuch({ declarations }: Root, most: number): boolean {
  const { defaultNamespace, prefixes, namespaces } = declarations
  let size = defaultNamespace.length
  for (let index = 0; index < prefixes.length; index++)
    size += prefixes[index]!.length + namespaces[index]!.length
  return size > most
}

/** The start tag of a document's root. */
export class Root {
  /** As written, such as `stream:stream`. */
  readonly qualifiedName: string
  /** Local name. */
  readonly name: string
  readonly namespace: string
  /** The names of the attributes as written, such as `xml:lang`. */
  readonly names: readonly string[]
  /** In the order of the names. */
  readonly values: readonly string[]
  readonly declarations: Declarations

  constructor(
    qualifiedName: string,
    namespace: string,
    names: readonly string[],
    values: readonly string[],
    declarations: Declarations,
  ) {
    this.qualifiedName = qualifiedName
    this.name = qualifiedName.slice(qualifiedName.indexOf(':') + 1)
    this.namespace = namespace
    this.names = names
    this.values = values
    this.declarations = declarations
  }

  /** Value of an attribute by its name as written. */
  attribute(name: string): string | undefined {
    const { names } = this
    for (let index = 0; index < names.length; index++) {
      if (names[index] === name) return this.values[index]
    }
    return undefined
  }

  /** The namespace that a prefix stands for here. */
  namespaceOf(prefix: string): string | undefined {
    const { prefixes, namespaces } = this.declarations
    const at = prefixes.indexOf(prefix)
    return at < 0 ? undefined : namespaces[at]
  }
}
