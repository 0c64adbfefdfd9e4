import { bareJid, roomAndOccupant } from './message.js'
import type { StropheNamespace } from './strophe.js'

const mucNamespace = 'http://jabber.org/protocol/muc'

/** The page's occupant in each of its rooms (XEP-0045). */
export class JoinedRooms extends Map<string, string> {
  /** Occupants that the server has not been told of. */
  readonly #moved = new Map<string, string>()

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

  /** Presences to the rooms that the page enters or leaves now. `isNew`: the server knows of none. */
  moves(Builder: StropheNamespace['Builder'], isNew: boolean): readonly Element[] {
    const moved = new Map([...this.#moved, ...(isNew ? this : [])])
    this.#moved.clear()
    return [...moved].map(([room, to]) =>
      this.has(room)
        ? new Builder('presence', { to }).c('x', { xmlns: mucNamespace }).tree()
        : new Builder('presence', { to, type: 'unavailable' }).tree(),
    )
  }
}
