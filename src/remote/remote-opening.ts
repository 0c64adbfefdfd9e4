import type { HandedOut } from '../handed-out.js'
import type { LinkEvents } from '../link.js'
import type { Opening, OpenWish } from '../session/sessions.js'
import { idOf } from '../session/sid.js'
import { BoshLink, type BoshLinkParts } from './bosh-link.js'
import type { HandedOverSessions } from './handed-over.js'

export interface RemoteOpeningParts extends Omit<BoshLinkParts, 'terms'> {
  /** Where the session is remembered once it has been handed out. */
  readonly elsewhere: HandedOverSessions
  /** The logins that are going on; this one is in it for as long as it does. */
  readonly openings: Set<RemoteOpening>
}

/** A session that is logged in here, and that its page will go on with at the remote endpoint itself. */
export class RemoteOpening implements Opening {
  readonly link: BoshLink
  readonly #domain: string
  readonly #parts: Pick<RemoteOpeningParts, 'elsewhere' | 'openings' | 'clock'>

  constructor(wish: OpenWish, events: LinkEvents, { elsewhere, openings, ...link }: RemoteOpeningParts) {
    const { wait, hold, ver } = wish
    this.#domain = link.domain
    this.#parts = { elsewhere, openings, clock: link.clock }
    openings.add(this)
    this.link = new BoshLink(wish, events, { ...link, terms: { wait, hold, ver } })
  }

  /** Empty before the endpoint has created the session. */
  get id(): string {
    const { terms } = this.link
    return terms === undefined ? '' : idOf(terms.sid)
  }

  /** What came for the page during the login is lost: the endpoint alone could keep it. */
  async handOut(jid: string): Promise<HandedOut | undefined> {
    const left = this.link.leave()
    if (left === undefined) return undefined
    const { session, url, terms, rid } = left
    const { elsewhere, openings, clock } = this.#parts
    openings.delete(this)
    elsewhere.add({ id: this.id, jid, domain: this.#domain, at: clock.now() }, session)
    return { ...terms, rid, url, expiresIn: terms.inactivity }
  }

  abandon(): void {
    this.#parts.openings.delete(this)
    this.link.abandon()
  }

  /** Breaks the login off, since the service stops. */
  shutDown(): void {
    this.abandon()
    this.link.events.onEnd({ failure: { step: 'connect', code: 'shutting-down' } })
  }
}
