import { copyOf } from './copy-of.js'
import type { Declarations, Root } from './root.js'
import type { Scanner } from './scanner.js'
import { startTag } from './start-tag.js'

/** What all open streams whose headers declare the same namespaces share. */
export interface Context {
  /** A start tag with these declarations. */
  readonly start: string
  readonly declarations: Declarations
  /** Scanners between two elements of such a stream. */
  readonly idle: Scanner[]
}

const contexts = new Map<string, Context>()
/** Enough for bursts; what is over goes to the garbage collector. */
const mostKept = 64

/** The context of a stream with this header. */
export function contextOf({ qualifiedName, declarations }: Root): Context {
  const start = startTag(qualifiedName, declarations)
  return contexts.get(start) ?? keep({ start, declarations: lasting(declarations), idle: [] })
}

/** Gives a scanner back to the streams that can go on with it. */
export function release(scanner: Scanner, context: Context): void {
  if (!contexts.has(context.start)) keep(context)
  if (context.idle.length < mostKept) context.idle.push(scanner)
}

function keep(context: Context): Context {
  // A server that makes up namespaces must not fill the memory with their scanners.
  if (contexts.size >= mostKept) {
    for (const { idle } of contexts.values()) idle.length = 0
    contexts.clear()
  }
  contexts.set(context.start, context)
  return context
}

/** These stay for as long as the process. */
function lasting({ defaultNamespace, prefixes, namespaces }: Declarations): Declarations {
  return {
    defaultNamespace: copyOf(defaultNamespace),
    prefixes: prefixes.map(copyOf),
    namespaces: namespaces.map(copyOf),
  }
}
