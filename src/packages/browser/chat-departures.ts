import {
  addressOf,
  Departures,
  type Failure,
  failed,
  isGiven,
  isPending,
  type Outgoing,
  readStanza,
  type Test,
  waiting,
} from './departures.js'
import { bareJid, childOf, type Message } from './message.js'

export interface MessageState {
  readonly id: string
  readonly to: string
  /** `sent`: the XMPP server has the message. A sent message can still fail. */
  readonly state: 'sent' | 'failed'
  /** A condition of RFC 6120, `blocked`, `not-sent` or `not-confirmed`. */
  readonly code?: string | undefined
  readonly reason?: string | undefined
}

const confirmed = { isSent: true, isConfirmed: true, isInDoubt: false, failure: undefined }
const notConfirmed: Failure = ['not-confirmed', 'The server has not confirmed the message.']

/** Tells which messages the server has confirmed or refused. */
export class ChatDepartures extends Departures {
  readonly #changed: (state: MessageState) => void

  constructor(outgoing: readonly Outgoing[], sent: readonly Outgoing[], changed: (state: MessageState) => void) {
    super(outgoing, sent)
    this.#changed = changed
  }

  /** Call this when a ping is sent, and the returned function when the server answers the ping. */
  confirming(): () => void {
    const given = this.all.filter(
      outgoing => isPending(outgoing) && isGiven(outgoing) && !(outgoing.isSent && outgoing.isInDoubt),
    )
    // What was returned meanwhile must be sent again.
    const isSame = ({ id, turn }: Outgoing) => given.some(each => each.id === id && each.turn === turn)
    return () => this.confirm(this.all.filter(isSame).map(({ id }) => id))
  }

  confirm(ids: readonly (string | undefined)[]): void {
    this.change(outgoing => isPending(outgoing) && ids.includes(outgoing.id), confirmed)
  }

  takeEcho({ id, from, type, body }: Message): boolean {
    if (type !== 'groupchat') return false
    // Other occupants know the id, and could send another text with this id.
    const isIt = (outgoing: Outgoing) =>
      outgoing.id === id &&
      addressOf(outgoing).toLowerCase() === bareJid(from) &&
      childOf(readStanza(outgoing), 'body', null)?.textContent === body
    this.change(outgoing => isIt(outgoing) && !outgoing.isConfirmed, confirmed)
    return this.all.some(isIt)
  }

  /** Call this if the archive lacks the messages in doubt. */
  failInDoubt(): void {
    this.change(isInDoubt, failed(notConfirmed))
  }

  get hasDoubts(): boolean {
    return this.all.some(isInDoubt)
  }

  failAll(): void {
    this.change(outgoing => isPending(outgoing) && isGiven(outgoing), failed(notConfirmed))
    this.change(isPending, failed(['not-sent', 'The chat has ended.']))
  }

  resend(id: string): boolean {
    const isMeant = (outgoing: Outgoing) => outgoing.id === id && !!outgoing.failure
    const isKnown = this.all.some(isMeant)
    this.change(isMeant, { ...waiting, failure: undefined, turn: Symbol() })
    return isKnown
  }

  recall(show: (stanza: Element) => void): void {
    for (const outgoing of this.all) if (!outgoing.isConfirmed) show(readStanza(outgoing))
    for (const lost of this.all) if (lost.failure) this.#tell(lost)
  }

  override replace(outgoing: readonly Outgoing[], sent: readonly Outgoing[]): void {
    const before = this.all
    const stays = ({ id }: Outgoing) => [...outgoing, ...sent].some(each => each.id === id)
    // The later page has ended, or could not store them.
    const doubtful = before.filter(each => isPending(each) && !stays(each))
    super.replace(outgoing, [...sent, ...doubtful.map(each => ({ ...each, isInDoubt: true }))])
    const isNews = ({ id, isConfirmed, failure }: Outgoing) =>
      before.some(each => each.id === id && (!each.isConfirmed !== !isConfirmed || !each.failure !== !failure))
    for (const now of sent.filter(isNews)) this.#tell(now)
  }

  protected override change(isMeant: Test, values: Partial<Outgoing>): void {
    const meant = this.all.filter(isMeant)
    super.change(isMeant, values)
    // Handlers of the page are called after the change, because they may send messages.
    for (const outgoing of meant) this.#tell({ ...values, id: outgoing.id, xml: outgoing.xml })
  }

  #tell(outgoing: Outgoing): void {
    const { id, isConfirmed, failure: [code, reason] = [] } = outgoing
    if (isConfirmed || code)
      this.#changed({ id, to: addressOf(outgoing), state: code ? 'failed' : 'sent', code, reason })
  }
}

const isInDoubt = (outgoing: Outgoing) => outgoing.isInDoubt === true && isPending(outgoing)
