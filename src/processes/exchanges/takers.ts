import type { Nodes } from '../nodes.js'

const none: ReadonlySet<string> = new Set()

/**
 * The name of any other process that takes new sessions and is heard, but for those that have been asked already; undefined
 * where there is none.
 */
export function anyTaker({ others }: Pick<Nodes, 'others'>, asked = none): string | undefined {
  const able = others.filter(({ name, isDraining, isSilent }) => !isDraining && !isSilent && !asked.has(name))
  return able[Math.floor(Math.random() * able.length)]?.name
}
