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
  /** Undefined after the ticket is used, if WebSocket is off, or if the session is bound to one browser. */
  readonly ticket: Ticket | undefined
}

interface Live {
  readonly name: 'live'
}

const live: Live = { name: 'live' }

export function waitingOrLive({ wait }: Pick<SessionRecord, 'wait'>, now: number): Waiting | Live {
  return wait === undefined ? live : { name: 'waiting', ticket: wait.ticket && Ticket.of(wait.ticket, now) }
}

interface Ended {
  readonly name: 'ended'
  readonly outcome: Outcome
  readonly isRemoved: boolean
  readonly wait: Waiting | undefined
}

export type State = Opening | Waiting | Live | Ended

export const transitions = [
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
] as const

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
    if (this.ticket !== undefined) keeper.tickets?.add(this.ticket, session)
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

  get wait(): Waiting | undefined {
    const state = this.#state
    return state.name === 'waiting' ? state : state.name === 'ended' ? state.wait : undefined
  }

  get ticket(): Ticket | undefined {
    return this.isRemoved ? undefined : this.wait?.ticket
  }

  allows(cause: Cause): boolean {
    return transitions.some(row => row.from === this.name && row.cause === cause)
  }

  loggedIn(): void {
    this.#become('login', live)
  }

  await(cause: 'handover' | 'resume', { seconds, attachBinding }: Handover, now: number): string | undefined {
    const { tickets, processName } = this.#keeper
    const isForAny = tickets !== undefined && attachBinding === 'off'
    const fresh = isForAny ? Ticket.fresh(seconds, now, processName) : undefined
    this.#become(cause, { name: 'waiting', ticket: fresh?.ticket })
    return fresh?.token
  }

  spendTicket(): void {
    const state = this.#state
    const wait: Waiting = { name: 'waiting', ticket: undefined }
    this.#become('ticket', state.name === 'ended' ? { ...state, wait } : wait)
  }

  attach(): boolean {
    if (this.wait === undefined) return false
    const state = this.#state
    this.#become('attach', state.name === 'ended' ? { ...state, wait: undefined } : live)
    return true
  }

  end(outcome: Outcome, isRemoved: boolean): void {
    this.#become(this.name === 'ended' ? 'remove' : 'end', { name: 'ended', outcome, isRemoved, wait: this.wait })
  }

  #become(cause: Cause, to: State): void {
    const { ticket: before, login } = this
    this.#state = change(this.#state, cause, to)
    const { ticket } = this
    if (before !== ticket) {
      if (before !== undefined) this.#keeper.tickets?.remove(before)
      if (ticket !== undefined) this.#keeper.tickets!.add(ticket, this.#session)
    }
    if (to.name === 'ended') login?.close()
  }
}
