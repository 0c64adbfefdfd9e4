import { XmlError } from './xml-error.js'

/** The namespaces that a start tag declares. */
export interface Declarations {
  /** Empty where none is declared. */
  readonly defaultNamespace: string
  readonly prefixes: readonly string[]
  /** In the order of the prefixes. */
  readonly namespaces: readonly string[]
}

/** Throws if an element declares more characters than this: each of many thousand children may get a copy of them. */
export function assertFewDeclarations(
  { defaultNamespace, prefixes, namespaces }: Declarations,
  most: number,
) {
  let size = defaultNamespace.length
  for (let index = 0; index < prefixes.length; index++)
    size += prefixes[index]!.length + namespaces[index]!.length
  if (size > most) throw new XmlError('policy-violation', 'the declarations of an element are too long')
}

/** The start tag of a document's root. */
export class Root {
  /** Local name. */
  readonly name: string

  constructor(
    /** As written, such as `stream:stream`. */
    readonly qualifiedName: string,
    readonly namespace: string,
    /** The names of the attributes as written, such as `xml:lang`. */
    readonly names: readonly string[],
    /** In the order of the names. */
    readonly values: readonly string[],
    readonly declarations: Declarations,
  ) {
    this.name = qualifiedName.slice(qualifiedName.indexOf(':') + 1)
  }

  /** Value of an attribute by its name as written. */
  attribute(name: string): string | undefined {
    const at = this.names.indexOf(name)
    return at < 0 ? undefined : this.values[at]
  }

  /** The namespace that a prefix stands for here. */
  namespaceOf(prefix: string): string | undefined {
    const at = this.declarations.prefixes.indexOf(prefix)
    return at < 0 ? undefined : this.declarations.namespaces[at]
  }
}

/** What is needed of a root for as long as it is open. */
export type OpenRoot = Pick<Root, 'qualifiedName' | 'declarations'>

/** What streams keep of their roots, which are nearly all the same, by all that is in it. */
const lastingRoots = new Map<string, OpenRoot>()
const mostLastingRoots = 64

/** What is needed of a root in texts of its own, one for all streams: a part of a text keeps the whole of it. */
export function lasting({ qualifiedName, declarations }: OpenRoot): OpenRoot {
  const key = JSON.stringify({ qualifiedName, declarations })
  let root = lastingRoots.get(key)
  if (root === undefined) {
    root = JSON.parse(key) as OpenRoot
    // A server that makes up namespaces must not fill the memory with them.
    if (lastingRoots.size >= mostLastingRoots) lastingRoots.clear()
    lastingRoots.set(key, root)
  }
  return root
}
