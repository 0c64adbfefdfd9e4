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

  /** A session starts, and may have lost presences of the last one. `isNew`: the server knows of none. */
  begin(isNew: boolean): void {
    for (const [room, occupant] of isNew ? this : this.#asked)
      if (!this.#moved.has(room)) this.#moved.set(room, occupant)
  }

  /** Presences to the rooms that the page enters now, or that it leaves now. */
  moves(isEntering: boolean): readonly Element[] {
    const moved = [...this.#moved].filter(([room]) => this.has(room) === isEntering)
    return moved.map(([room, to]) => {
      this.#moved.delete(room)
      this.#asked.set(room, to)
      return isEntering
        ? newStanza('presence', { to }, newElement('x', { xmlns: mucNamespace }))
        : newStanza('presence', { to, type: 'unavailable' })
    })
  }
}
