import { bareJid, roomAndOccupant } from './message.js'
import { newElement, newStanza } from './written-xml.js'

const mucNamespace = 'http://jabber.org/protocol/muc'

/** The page's occupant in each of its rooms (XEP-0045). */
export class JoinedRooms extends Map<string, string> {
  /** Occupants that the server has not been told of. */
  readonly #moved = new Map<string, string>()
  /** Occupants that the server has been told of, and of which no room has said anything. */
  readonly #asked = new Map<string, string>()

  join(room: string, nickname: string): void {
    const [address, occupant] = roomAndOccupant(`${room}/${nickname}`)
    this.set(address, occupant)
    this.#moved.set(address, occupant)
  }

  part(room: string): void {
    const address = bareJid(room)
    const occupant = this.get(address)
    if (!occupant) return
    this.delete(address)
    this.#moved.set(address, occupant)
  }

  /** A presence came from this JID. */
  answered(jid: string): void {
    this.#asked.delete(bareJid(jid))
  }

  /** Presences to the rooms that the page enters or leaves now. */
  moves(): readonly Element[] {
    const moved = [...this.#moved]
    this.#moved.clear()
    return moved.map(([room, to]) => {
      this.#asked.set(room, to)
      return this.has(room)
        ? newStanza('presence', { to }, newElement('x', { xmlns: mucNamespace }))
        : newStanza('presence', { to, type: 'unavailable' })
    })
  }

  /** The same at the start of a session, which may have lost the earlier ones. `isNew`: the server knows of none. */
  movesAtStart(isNew: boolean): readonly Element[] {
    for (const [room, occupant] of isNew ? this : this.#asked)
      if (!this.#moved.has(room)) this.#moved.set(room, occupant)
    return this.moves()
  }
}
