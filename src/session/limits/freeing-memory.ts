import type { WaitingMemory } from '../../lib/limits/waiting-memory.js'
import type { Session } from '../session.js'

const mostLeft = 0.75

export function freeMemory(
  sessions: Iterable<Session>,
  waiting: WaitingMemory,
  ended: (session: Session) => void,
): void {
  const found = [...sessions].filter(session => waitingBytes(session) > 0)
  found.sort((one, other) => waitingBytes(other) - waitingBytes(one))
  for (const session of found) {
    if (waiting.bytes <= waiting.most * mostLeft) return
    session.end('limit', 'toFreeMemory')
    ended(session)
  }
}

export function waitingBytes({ outbox, uplink }: Session): number {
  return outbox.bytes + outbox.clientBytes + uplink.unsentBytes + uplink.link.unfinishedBytes
}
