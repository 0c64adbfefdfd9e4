import type { Logger } from 'pino'
import type { StartCarrier } from '../nodes/carrier.js'

/** What reaches the other workers of this machine, whose sockets lie in this folder. */
export function carriersOf(_parts: {
  readonly folder: string
  readonly log: Logger
}): readonly StartCarrier[] {
  return []
}
