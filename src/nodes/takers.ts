import type { Node, Nodes } from './nodes.js'

type Others = Pick<Nodes, 'others'>

/** The other processes that take new sessions, and are heard. */
export function takersAmong({ others }: Others): readonly Node[] {
  return others.filter(({ isDraining, isSilent }) => !isDraining && !isSilent)
}

/** The name of any of them; undefined where there is none. */
export function anyTaker(nodes: Others): string | undefined {
  const able = takersAmong(nodes)
  return able[Math.floor(Math.random() * able.length)]?.name
}
