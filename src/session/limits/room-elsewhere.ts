import { clientOf } from '../../lib/client-network.js'
import type { SharedCounts } from '../../processes/counting/shared-counts.js'
import type { Nodes } from '../../processes/nodes.js'

const kind = 'make-room'

interface RoomElsewhereParts {
  readonly nodes: Nodes
  readonly counts: Pick<SharedCounts<'unauthenticated'>, 'report'>
  readonly makeRoom: (address: string) => boolean
}

/** Asks other processes to end a session of the address, because the limit counts the sessions of all processes. */
export function roomElsewhere({ nodes, counts, makeRoom }: RoomElsewhereParts) {
  nodes.answer(kind, async (address: string) => {
    const isMade = makeRoom(address)
    if (isMade) await counts.report(clientOf(address))
    return isMade
  })
  return async (address: string): Promise<boolean> => {
    for (const { name, isSilent } of nodes.others) {
      if (isSilent) continue
      const isMade = await nodes.ask(name, kind, address).catch(() => false)
      if (isMade === true) return true
    }
    return false
  }
}
