import type { Logger } from 'pino'
import type { StartCarrier } from '../nodes/carrier.js'
import { socketCarrier } from '../nodes/socket-carrier.js'

/** What reaches the other workers of this machine, whose sockets lie in this folder. */
export function carriersOf(parts: {
  readonly folder: string
  readonly log: Logger
}): readonly StartCarrier[] {
  return [socketCarrier(parts)]
}
