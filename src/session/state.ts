import type { Outcome } from './client.js'
import type { ClientLogin } from './logins/client-login.js'
import type { SessionKeeper } from './session-keeper.js'
import type { SessionRecord } from './session-record.js'
import type { Handover } from './session-types.js'
import { Ticket } from './ticket.js'

interface Opening {
  readonly name: 'opening'
  readonly login: ClientLogin | undefined
}

interface Waiting {
  readonly name: 'waiting'
  readonly jid: string
  /** Undefined after the ticket is used, if WebSocket is off, or if the session is bound to one browser. */
  readonly ticket: Ticket | undefined
}

interface Live {
  readonly name: 'live'
  readonly jid: string
  /** False if the portal has never had the session. */
  readonly sendsEvents: boolean
}

export function waitingOrLive({ jid, wait }: Pick<SessionRecord, 'jid' | 'wait'>, now: number): Waiting | Live {
  if (wait === undefined) return { name: 'live', jid, sendsEvents: true }
  return { name: 'waiting', jid, ticket: wait.ticket && Ticket.of(wait.ticket, now) }
}

interface Ended {
  readonly name: 'ended'
  readonly outcome: Outcome
  readonly isRemoved: boolean
  /** Undefined if the session ended during its login. */
  readonly last: Waiting | Live | undefined
}

export type State = Opening | Waiting | Live | Ended

interface Transition {
  readonly from: State['name']
  readonly cause: string
  readonly to: State['name']
}

export const transitions = [
  // Only the server's answer proves the login.
  { from: 'opening', cause: 'login', to: 'live' },
  { from: 'opening', cause: 'handover', to: 'waiting' },
  { from: 'waiting', cause: 'ticket', to: 'waiting' },
  { from: 'waiting', cause: 'attach', to: 'live' },
  { from: 'waiting', cause: 'resume', to: 'waiting' },
  { from: 'live', cause: 'resume', to: 'waiting' },
  { from: 'opening', cause: 'end', to: 'ended' },
  { from: 'waiting', cause: 'end', to: 'ended' },
  { from: 'live', cause: 'end', to: 'ended' },
  { from: 'ended', cause: 'ticket', to: 'ended' },
  { from: 'ended', cause: 'attach', to: 'ended' },
  { from: 'ended', cause: 'remove', to: 'ended' },
] as const satisfies readonly Transition[]

export type Cause = (typeof transitions)[number]['cause']

export function change(from: State, cause: Cause, to: State): State {
  if (!transitions.some(row => row.from === from.name && row.cause === cause && row.to === to.name))
    throw new Error(`no transition from ${from.name} to ${to.name} by ${cause}`)
  return to
}

type TicketKeeper<Session> = Pick<SessionKeeper<Session>, 'tickets' | 'processName'>

export class Stage<Session> {
  readonly #session: Session
  readonly #keeper: TicketKeeper<Session>
  #state: State

  constructor(session: Session, keeper: TicketKeeper<Session>, begin: State) {
    this.#session = session
    this.#keeper = keeper
    this.#state = begin
    if (this.ticket !== undefined) keeper.tickets?.set(this.ticket.key, session)
  }

  get name(): State['name'] {
    return this.#state.name
  }

  get login(): ClientLogin | undefined {
    return this.#state.name === 'opening' ? this.#state.login : undefined
  }

  get outcome(): Outcome | undefined {
    return this.#state.name === 'ended' ? this.#state.outcome : undefined
  }

  get isRemoved(): boolean {
    return this.#state.name === 'ended' && this.#state.isRemoved
  }

  get jid(): string | undefined {
    return loggedInState(this.#state)?.jid
  }

  get sendsEvents(): boolean {
    const state = loggedInState(this.#state)
    return state?.name === 'waiting' || state?.sendsEvents === true
  }

  get wait(): Waiting | undefined {
    const state = loggedInState(this.#state)
    return state?.name === 'waiting' ? state : undefined
  }

  get ticket(): Ticket | undefined {
    return this.isRemoved ? undefined : this.wait?.ticket
  }

  get canResume(): boolean {
    return transitions.some(row => row.from === this.name && row.cause === 'resume')
  }

  loggedIn(jid: string): void {
    this.#become('login', { name: 'live', jid, sendsEvents: false })
  }

  await(cause: 'handover' | 'resume', jid: string, handover: Handover, now: number): string | undefined {
    const { seconds, attachBinding } = handover
    const { tickets, processName } = this.#keeper
    const isForAny = tickets !== undefined && attachBinding === 'off'
    const fresh = isForAny ? Ticket.fresh(seconds, now, processName) : undefined
    this.#become(cause, { name: 'waiting', jid, ticket: fresh?.ticket })
    return fresh?.token
  }

  spendTicket(): void {
    const { wait } = this
    if (wait !== undefined) this.#becomeUnlessEnded('ticket', { ...wait, ticket: undefined })
  }

  attach(): boolean {
    const { wait } = this
    if (wait === undefined) return false
    this.#becomeUnlessEnded('attach', { name: 'live', jid: wait.jid, sendsEvents: true })
    return true
  }

  end(outcome: Outcome, isRemoved: boolean): void {
    const last = loggedInState(this.#state)
    this.#become(this.name === 'ended' ? 'remove' : 'end', { name: 'ended', outcome, isRemoved, last })
  }

  /** A page may still log in to an ended session, to get its last stanzas. */
  #becomeUnlessEnded(cause: Cause, to: Waiting | Live): void {
    const state = this.#state
    this.#become(cause, state.name === 'ended' ? { ...state, last: to } : to)
  }

  #become(cause: Cause, to: State): void {
    const { ticket: before, login } = this
    this.#state = change(this.#state, cause, to)
    const { ticket } = this
    if (before !== ticket) {
      if (before !== undefined) this.#keeper.tickets?.delete(before.key)
      if (ticket !== undefined) this.#keeper.tickets?.set(ticket.key, this.#session)
    }
    if (to.name === 'ended') login?.close()
  }
}

/** A private getter of `Stage` would cost 50 ns for each stanza. */
function loggedInState(state: State): Waiting | Live | undefined {
  if (state.name === 'ended') return state.last
  return state.name === 'opening' ? undefined : state
}
