import type { Nodes } from '../nodes.js'

const none: ReadonlySet<string> = new Set()

/** Another process that accepts sessions, except those already asked. */
export function anyTaker({ others }: Pick<Nodes, 'others'>, asked = none): string | undefined {
  const able = others.filter(({ name, isDraining, isSilent }) => !isDraining && !isSilent && !asked.has(name))
  return able[Math.floor(Math.random() * able.length)]?.name
}
