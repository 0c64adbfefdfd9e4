import { userOf } from '../jid/jid.js'

/** A session with the JID that it is bound to. */
interface Bound {
  /** The full JID. */
  readonly jid: string | undefined
}

/** Sessions by the user that they are bound to. Most users have one; only a user with several costs a list. */
export class JidIndex<Session extends Bound> {
  readonly #sessions = new Map<string, Session | readonly Session[]>()

  /** Takes up a session once its JID is known; from then on the JID stays the same. */
  add(session: Session): void {
    if (session.jid === undefined) return
    const user = userOf(session.jid)
    const others = this.#of(user)
    this.#sessions.set(user, others.length === 0 ? session : [...others, session])
  }

  remove(session: Session): void {
    if (session.jid === undefined) return
    const user = userOf(session.jid)
    const others = this.#of(user).filter(other => other !== session)
    if (others.length === 0) this.#sessions.delete(user)
    else this.#sessions.set(user, others.length === 1 ? others[0]! : others)
  }

  /** Those of a bare JID, however it is spelt, in the order in which their JIDs became known. */
  of(bareJid: string): readonly Session[] {
    return this.#of(userOf(bareJid))
  }

  #of(user: string): readonly Session[] {
    const found = this.#sessions.get(user)
    if (found === undefined) return []
    return isList(found) ? found : [found]
  }
}

function isList<Session>(found: Session | readonly Session[]): found is readonly Session[] {
  return Array.isArray(found)
}
