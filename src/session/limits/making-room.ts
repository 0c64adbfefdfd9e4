import type { WaitingMemory } from '../../lib/limits/waiting-memory.js'

/** Room is made until no more than this share of the memory is in use. */
const mostLeft = 0.75

/** A session, as far as its memory goes. */
export interface Waiting {
  readonly waitingBytes: number
  /** Ends it, and frees its memory. */
  giveUp(): void
}

/** Ends the sessions with most memory in use until there is room. Calls `ended` after each. */
export function makeRoom<Session extends Waiting>(
  sessions: Iterable<Session>,
  waiting: WaitingMemory,
  ended: (session: Session) => void,
): void {
  const found: { readonly session: Session; readonly bytes: number }[] = []
  for (const session of sessions) {
    const bytes = session.waitingBytes
    if (bytes > 0) found.push({ session, bytes })
  }
  found.sort((one, other) => other.bytes - one.bytes)
  for (const { session } of found) {
    if (waiting.bytes <= waiting.most * mostLeft) return
    session.giveUp()
    ended(session)
  }
}
