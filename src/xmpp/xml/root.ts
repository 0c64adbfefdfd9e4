import { copyOf } from './copy-of.js'
import { escapeXml } from './escape.js'
import { XmlError } from './xml-error.js'

export interface Declarations {
  readonly defaultNamespace: string
  readonly prefixes: readonly string[]
  readonly namespaces: readonly string[]
}

export const noDeclarations: Declarations = { defaultNamespace: '', prefixes: [], namespaces: [] }

/**
 * Declarations are limited, because each of many thousand children may get a copy, with escaped namespaces. Children get
 * the default namespace only from the root.
 */
export function excessOf(
  { defaultNamespace, prefixes, namespaces }: Declarations,
  most: number,
  isOfRoot: boolean,
): XmlError | undefined {
  let size = (isOfRoot ? escapeXml(defaultNamespace) : defaultNamespace).length
  for (let index = 0; index < prefixes.length; index++)
    size += prefixes[index]!.length + escapeXml(namespaces[index]!).length
  if (size <= most) return undefined
  return new XmlError('policy-violation', 'the declarations of an element are too long')
}

export class Root {
  /** Local name. */
  readonly name: string

  constructor(
    /** Such as `stream:stream`. */
    readonly qualifiedName: string,
    readonly namespace: string,
    /** As written, such as `xml:lang`. */
    readonly names: readonly string[],
    readonly values: readonly string[],
    readonly declarations: Declarations,
  ) {
    this.name = qualifiedName.slice(qualifiedName.indexOf(':') + 1)
  }

  attribute(name: string): string | undefined {
    const at = this.names.indexOf(name)
    return at < 0 ? undefined : this.values[at]
  }

  /** A copy, for later. Throws an `XmlError` if the attribute has more than `most` characters. */
  kept(name: string, most: number): string | undefined {
    const value = this.attribute(name)
    if (value !== undefined && value.length > most) throw new XmlError('policy-violation', 'an attribute is too long')
    return copyOf(value)
  }

  namespaceOf(prefix: string): string | undefined {
    const at = this.declarations.prefixes.indexOf(prefix)
    return at < 0 ? undefined : this.declarations.namespaces[at]
  }
}

export type OpenRoot = Pick<Root, 'qualifiedName' | 'declarations'>

const lastingRoots = new Map<string, OpenRoot>()
const mostLastingRoots = 64

/** Copies the root's strings, which would keep their source in memory. */
export function lasting({ qualifiedName, declarations }: OpenRoot): OpenRoot {
  const key = JSON.stringify({ qualifiedName, declarations })
  let root = lastingRoots.get(key)
  if (root === undefined) {
    root = JSON.parse(key) as OpenRoot
    if (lastingRoots.size >= mostLastingRoots) lastingRoots.clear()
    lastingRoots.set(key, root)
  }
  return root
}
