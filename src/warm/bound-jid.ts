import { type Jid, parseJid } from '../jid/jid.js'
import type { WarmRequest } from './binding.js'

/** Whether a server has bound what it was asked for: a full JID, and the one of the same user. */
export function judgeBound(
  text: string,
  { jid, credentials }: WarmRequest,
): 'as-wanted' | 'another-user' | 'no-full-jid' {
  const bound = parseJid(text)
  if (bound?.resource === undefined) return 'no-full-jid'
  // Who has no account gets a name from the server.
  const isWanted = credentials.kind === 'anonymous' ? bound.domain === jid.domain : isSameUser(bound, jid)
  return isWanted ? 'as-wanted' : 'another-user'
}

function isSameUser(one: Jid, other: Jid): boolean {
  return one.domain === other.domain && folded(one.local) === folded(other.local)
}

/** Wide enough for the profiles of both RFC 6122 and RFC 7613, either of which a server may have prepared a name with. */
function folded(local: string): string {
  return local.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}
