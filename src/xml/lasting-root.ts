import { copyOf } from './copy-of.js'
import type { Root } from './root.js'
import { startTag } from './start-tag.js'

/** What is needed of a root for as long as it is open. */
export type OpenRoot = Pick<Root, 'qualifiedName' | 'declarations'>

/** What streams keep of their roots, which are nearly all the same, by the start tag that it makes. */
const lastingRoots = new Map<string, OpenRoot>()
const mostLastingRoots = 64

/** What is needed of a root in texts of its own, one for all streams: a part of a text keeps the whole of it. */
export function lasting({ qualifiedName, declarations }: OpenRoot): OpenRoot {
  const { defaultNamespace, prefixes, namespaces } = declarations
  const start = startTag(qualifiedName, declarations)
  let root = lastingRoots.get(start)
  if (root === undefined) {
    root = {
      qualifiedName: copyOf(qualifiedName),
      declarations: {
        defaultNamespace: copyOf(defaultNamespace),
        prefixes: prefixes.map(copyOf),
        namespaces: namespaces.map(copyOf),
      },
    }
    // A server that makes up namespaces must not fill the memory with them.
    if (lastingRoots.size >= mostLastingRoots) lastingRoots.clear()
    lastingRoots.set(copyOf(start), root)
  }
  return root
}
