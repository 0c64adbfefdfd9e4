import type { Outcome } from './client.js'
import type { ClientLogin } from './logins/client-login.js'
import type { Session } from './session.js'
import type { SessionRecord } from './session-record.js'
import type { Handover } from './session-types.js'
import { Ticket } from './ticket.js'

/**
 * From `opening`, a login by the client leads to `live`, and a handover to `waiting`. A page that attaches leads from
 * `waiting` to `live`, and a resumption back to `waiting`. Each stage can end.
 */
type StageName = 'opening' | 'waiting' | 'live' | 'ended'

/** Only its own methods change its fields, which are no getters, because each stanza reads them. */
export class Stage {
  name: StageName = 'opening'
  /** Undefined for warm logins, and after the login. */
  login: ClientLogin | undefined
  jid: string | undefined
  /** True until the page has come. A page may still log in to an ended session, to get its last stanzas. */
  isAwaited = false
  /** Undefined after it is used, if WebSocket is off, or if the session is bound to one browser. */
  ticket: Ticket | undefined
  /** False if the portal has never had the session. */
  sendsEvents = false
  outcome: Outcome | undefined
  /** How often a page may still resume the session, after its server has ended it, and not for another client. */
  returnsLeft = 0
  isRemoved = false
  readonly #session: Session

  constructor(session: Session, login: ClientLogin | undefined) {
    this.#session = session
    this.login = login
  }

  takeUp({ jid, wait }: Pick<SessionRecord, 'jid' | 'wait'>, now: number): void {
    this.name = wait === undefined ? 'live' : 'waiting'
    this.jid = jid
    this.isAwaited = wait !== undefined
    this.sendsEvents = true
    this.#changeTicket(wait?.ticket && Ticket.of(wait.ticket, now))
  }

  get canResume(): boolean {
    if (this.name === 'ended') return this.hasLastStanzas
    return this.name === 'waiting' || this.name === 'live'
  }

  /** The link is lost: stanzas that the page does not get now are lost too. */
  get hasLastStanzas(): boolean {
    return this.returnsLeft > 0 && !this.isRemoved && this.#session.undelivered > 0
  }

  /** Only the server's answer proves the login. */
  loggedIn(jid: string): void {
    this.name = 'live'
    this.login = undefined
    this.jid = jid
  }

  await(jid: string, handover: Handover, now: number): string | undefined {
    if (this.name === 'ended') this.returnsLeft -= 1
    else this.name = 'waiting'
    this.jid = jid
    this.isAwaited = true
    this.sendsEvents = true
    const { common, tickets } = this.#session.keeper
    const isForAny = tickets !== undefined && handover.attachBinding === 'off'
    const fresh = isForAny ? Ticket.fresh(handover.seconds, now, common.processName) : undefined
    this.#changeTicket(fresh?.ticket)
    return fresh?.token
  }

  /** No other process may accept it again, so this is stored now. */
  spendTicket(): void {
    this.#changeTicket(undefined)
    this.#session.keeper.kept?.keepNow(this.#session)
  }

  attach(): boolean {
    if (!this.isAwaited) return false
    if (this.name !== 'ended') this.name = 'live'
    this.isAwaited = false
    this.#changeTicket(undefined)
    return true
  }

  end(outcome: Outcome, isRemoved: boolean): void {
    this.name = 'ended'
    this.outcome = outcome
    this.isRemoved = isRemoved
    this.login?.attempts.close()
    this.login = undefined
    if (isRemoved) this.#changeTicket(undefined)
  }

  #changeTicket(ticket: Ticket | undefined): void {
    const { tickets } = this.#session.keeper
    if (this.ticket !== undefined) tickets?.delete(this.ticket.key)
    if (ticket !== undefined) tickets?.set(ticket.key, this.#session)
    this.ticket = ticket
  }
}
