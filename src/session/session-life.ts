import type { EndReason, WebSocketCut } from '../lib/counts.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { Link } from '../xmpp/link.js'
import type { Client, Outcome } from './client.js'
import { Inactivity } from './inactivity.js'
import type { LoginWatch } from './logins/login-watch.js'
import { Outbox } from './outbox.js'
import type { SessionKeeper } from './session-keeper.js'
import type { Uplink } from './uplink.js'

/** How a session goes on and ends: what time demands of it, and the ways in which it can be over. */
export abstract class SessionLife<Session> {
  /** When `tick` has something to do, in milliseconds of the clock. */
  deadline = Number.POSITIVE_INFINITY
  /** What waits for its client. */
  readonly outbox: Outbox
  /** How long its client may have nothing open, and since when it has not. */
  readonly inactivity: Inactivity
  protected readonly keeper: SessionKeeper<Session>
  protected uplink!: Uplink
  /** Its client. */
  protected speaker: Client | undefined = undefined
  /** While a client logs in by itself; undefined once its JID is known. */
  protected watch: LoginWatch | undefined
  /** Whether the server is not read because too much waits for the client. */
  #isHeldUp = false
  /** Memory of delivered stanzas that its client keeps, in bytes. */
  #keptBytes = 0
  #outcome: Outcome | undefined = undefined
  #isOver = false

  constructor(keeper: SessionKeeper<Session>, watch: LoginWatch | undefined, now: number) {
    this.keeper = keeper
    this.watch = watch
    this.outbox = new Outbox(keeper.waiting, keeper.mostElements)
    this.inactivity = new Inactivity(now)
  }

  /** The handle that may be shown; no secret. */
  abstract readonly id: string
  /** The domain of the XMPP server. */
  abstract readonly domain: string
  /** The full JID, once the server has told it. */
  abstract readonly jid: string | undefined

  /** No page may come any more. */
  protected abstract closeDoor(): void

  /** Something has ended it, which its client may have to be told. */
  protected abstract finished(): void

  /** It is over; called once. */
  protected abstract ended(reason: EndReason): void

  /** It has failed at something that was not foreseen. */
  protected abstract broke(cause: unknown): void

  get client(): Client | undefined {
    return this.speaker
  }

  get link(): Link {
    return this.uplink.link
  }

  /** Whether nothing has ended it. */
  get isLive(): boolean {
    return !this.#isOver && this.#outcome === undefined
  }

  /** Whether nothing can be done with it any more; its client has been told, or will never be. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** How it ended, as long as its client has yet to be told. */
  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /**
   * Memory of stanzas that wait for its client or may be delivered again, of what its client has sent before the features, and of
   * its server's unfinished element, in bytes.
   */
  get waitingBytes(): number {
    return this.outbox.bytes + this.#keptBytes + this.uplink.unsentBytes + this.link.unfinishedBytes
  }

  /** Limit of its memory, in bytes: it falls as the memory of the process fills. */
  get mostBytes(): number {
    return this.keeper.waiting.mostOfOne
  }

  /** The client keeps so many bytes of stanzas that it has delivered: they may have to be delivered again. */
  keeps(bytes: number): void {
    if (this.#isOver) return
    this.keeper.waiting.change(bytes - this.#keptBytes)
    this.#keptBytes = bytes
  }

  #free(): void {
    this.outbox.close()
    this.uplink?.discard()
    this.keeper.waiting.change(-this.#keptBytes)
    this.#keptBytes = 0
  }

  /** Stops reading from the server if too much waits for the client. */
  protected holdUp(): void {
    if (this.#isHeldUp || !this.outbox.isFull) return
    this.#isHeldUp = true
    this.link.pause()
  }

  /** Reads on from the server if the client has taken enough. */
  protected readOn(): void {
    if (!this.#isHeldUp || this.outbox.isFull) return
    this.#isHeldUp = false
    this.link.resume()
  }

  /** Whether a login is under way that is, or may be, of the user of a JID; for a full JID only one that asked for its resource. */
  mayBecome(jid: string): boolean {
    if (this.jid !== undefined) return false
    const wished = this.speaker?.loginFor
    const isFull = jid.includes('/')
    if (wished === undefined) return !isFull && this.watch?.mayBecome(jid) === true
    return isFull ? wished === jid : userOf(wished) === userOf(jid)
  }

  /** Something about the client has changed: says anew when time demands something. */
  schedule(): void {
    if (this.#isOver || this.speaker === undefined) return
    const inactive = this.speaker.isPresent ? Number.POSITIVE_INFINITY : this.inactivity.end
    const login = this.watch?.end ?? Number.POSITIVE_INFINITY
    this.deadline = Math.min(inactive, this.speaker.deadline, login, this.uplink.watch.deadline)
  }

  /** Does what time demands; called when `deadline` has passed. */
  tick(): void {
    const now = this.keeper.clock.now()
    if (this.watch !== undefined && now >= this.watch.end) this.expel('login-timeout')
    else this.speaker!.tick(now)
    if (this.isLive && now >= this.uplink.watch.deadline) this.#lookAfterServer(now)
    if (this.#isOver) return
    if (this.speaker!.isPresent || now < this.inactivity.end) {
      this.schedule()
      return
    }
    this.speaker!.giveBack()
    this.abandon(this.inactivity.kind === 'waiting' ? 'attach-timeout' : 'inactivity')
  }

  #lookAfterServer(now: number): void {
    if (!this.uplink.watch.look(now, this.link, !this.#isHeldUp, this)) return
    this.keeper.unanswered(this)
    this.link.close()
    this.finish({ reason: 'connection-lost' })
  }

  /** Ends the session at once, at the wish of its user or of an admin; its client is told. */
  end(reason: 'client' | 'logout'): void {
    this.speaker?.dismiss()
    this.abandon(reason)
  }

  /**
   * Ends the session because the service stops: its client gets what is queued and is told. The XMPP server sees its user
   * leave at once, unless there is something left that may yet have to go back to its sender.
   */
  shutDown(): void {
    this.finish({ reason: 'shutdown' })
    if (!this.#isOver && this.outbox.isEmpty) this.link.close()
  }

  /** Ends the session because its client missed a deadline, or broke a limit or a rule. The client is told. */
  expel(reason: 'login-timeout' | 'refused-logins' | 'limit' | 'policy-violation'): void {
    this.guard(() => {
      this.watch = undefined
      this.link.close()
      this.finish({ reason })
    })
  }

  /**
   * Ends the session at once for want of memory, and frees all of its own. A client that listens is told, and so are the
   * senders of stanzas that it has not fetched.
   */
  giveUp(): void {
    this.guard(() => {
      this.watch = undefined
      this.uplink.abandon(this.outbox.clear())
      this.finish({ reason: 'limit' })
      this.abandon('limit')
    })
  }

  /**
   * Ends the session because it failed at something that was not foreseen: its state cannot be relied on any more. The
   * client is told, and no other session notices.
   */
  collapse(cause: unknown): void {
    this.#isOver = true
    this.closeDoor()
    this.deadline = Number.POSITIVE_INFINITY
    this.#free()
    const acts = [() => this.broke(cause), () => this.link.close(), () => this.speaker?.fail()]
    for (const act of acts) {
      try {
        act()
      } catch {
        // What is broken may break here, too, and has been reported.
      }
    }
  }

  /**
   * Ends the session without a word to its client; the XMPP server sees an orderly end. What had ended it before, with its
   * client not told yet, is the reason rather than the one given here.
   */
  abandon(reason: EndReason): void {
    this.#leave(reason, () => this.uplink.close(this.outbox.clear()))
  }

  /**
   * Ends the session because the connection of its client has broken, and the connection to the server with it: a client
   * that holds its own stream may go on with it over another (XEP-0198 §5).
   */
  cut(reason: WebSocketCut): void {
    this.#leave(reason, () => {
      this.outbox.clear()
      this.link.cut()
    })
  }

  #leave(reason: EndReason, letGo: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    this.closeDoor()
    this.deadline = Number.POSITIVE_INFINITY
    letGo()
    this.speaker?.close()
    this.#free()
    this.ended(this.#outcome?.reason ?? reason)
  }

  /** Runs what nothing above would catch. */
  guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.collapse(error)
    }
  }

  /** The session is over as soon as its client has been told; what is queued goes first. */
  protected finish(outcome: Outcome): void {
    if (!this.isLive) return
    this.#outcome = outcome
    this.finished()
    this.speaker?.flush()
  }

  /** The server does not take what is sent to it. */
  protected loseLink(): void {
    this.#outcome = { reason: 'connection-lost' }
    this.finished()
    this.link.close()
  }
}
