import { clientOf } from '../../lib/client-network.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { ClientAttempts } from '../logins/client-attempts.js'
import type { Session as WholeSession } from '../session.js'

type Logins = Pick<ClientAttempts, 'refused' | 'isSilent' | 'delayedJid'>

type Session = Pick<WholeSession, 'end'>

interface Stranger {
  readonly session: Session
  readonly client: string
  readonly logins: Logins
  readonly since: number
}

/** Milliseconds until a session without an attempt to log in may be ended. */
const patience = 5_000
const mostOfUser = 2

export class Strangers {
  readonly #all = new Map<Session, Stranger>()
  readonly #byClient = new Map<string, Set<Stranger>>()

  add(session: Session, address: string, logins: Logins, since: number): void {
    const client = clientOf(address)
    const stranger = { session, client, logins, since }
    this.#all.set(session, stranger)
    const others = this.#byClient.get(client)
    if (others === undefined) this.#byClient.set(client, new Set([stranger]))
    else others.add(stranger)
  }

  remove(session: Session): void {
    const stranger = this.#all.get(session)
    if (stranger === undefined) return
    this.#all.delete(session)
    const others = this.#byClient.get(stranger.client)!
    others.delete(stranger)
    if (others.size === 0) this.#byClient.delete(stranger.client)
  }

  /** Ends a suspicious session of the address. Returns false if there is none. */
  makeRoom(address: string, now: number): boolean {
    const strangers = [...(this.#byClient.get(clientOf(address)) ?? [])]
    const guesser = mostRefused(strangers)
    const silent = strangers.find(({ logins, since }) => logins.isSilent && now - since >= patience)
    const least = guesser ?? silent ?? lastOfSameUser(strangers)
    least?.session.end('limit', 'evicted')
    return least !== undefined
  }
}

function mostRefused(strangers: readonly Stranger[]): Stranger | undefined {
  let worst: Stranger | undefined
  for (const stranger of strangers) if (stranger.logins.refused > (worst?.logins.refused ?? 0)) worst = stranger
  return worst
}

function lastOfSameUser(strangers: readonly Stranger[]): Stranger | undefined {
  const groups = new Map<string, { count: number; last: Stranger }>()
  let largest: { count: number; last: Stranger } | undefined
  for (const stranger of strangers) {
    const jid = stranger.logins.delayedJid
    if (jid === undefined) continue
    const user = userOf(jid)
    const group = { count: (groups.get(user)?.count ?? 0) + 1, last: stranger }
    groups.set(user, group)
    if (group.count > (largest?.count ?? mostOfUser)) largest = group
  }
  return largest?.last
}
