import { attempt } from '../lib/attempt.js'
import type { CallIds } from '../lib/call-ids.js'
import type { EndReason, Limit } from '../lib/counts.js'
import type { StoredSession, TabKey } from '../store/store.js'
import type { Link, LinkEvents, LinkOptions, StreamOptions } from '../xmpp/link.js'
import type { Element } from '../xmpp/xml/element.js'
import type { Client, NextPage } from './client.js'
import { endSession, type How, removeSession } from './endings.js'
import { Inactivity } from './inactivity.js'
import { ClientStates } from './link/client-states.js'
import { Downlink } from './link/downlink.js'
import { LinkNotices } from './link/link-notices.js'
import type { Management } from './link/mending.js'
import { absentLink, Uplink } from './link/uplink.js'
import { isFullJid } from './logins/bound-jid.js'
import type { ClientAttempts } from './logins/client-attempts.js'
import { type ClientLoggedIn, ClientLogin } from './logins/client-login.js'
import { Outbox } from './outbox.js'
import { type Payload, withoutManagement } from './payload.js'
import { SessionHistory } from './session-history.js'
import type { SessionKeeper } from './session-keeper.js'
import { type SessionRecord, sessionRecordOf } from './session-record.js'
import type { Handover, ResumedSession } from './session-types.js'
import { newSid, type SessionIds } from './sid.js'
import { Stage } from './stage.js'
import { viewOf } from './view.js'

export class Session {
  readonly sid: string
  readonly id: string
  readonly domain: string
  readonly origin: StoredSession['origin']
  readonly keeper: SessionKeeper
  readonly stage: Stage
  readonly outbox: Outbox
  readonly uplink: Uplink
  readonly downlink: Downlink
  readonly inactivity: Inactivity
  deadline = Number.POSITIVE_INFINITY
  tab: TabKey | undefined
  /** Address at which a guest opened the session. */
  guestAddress: string | undefined
  readonly history: SessionHistory
  /** Ids of the call that logged in or last resumed the session. */
  ids: CallIds | undefined
  readonly linkNotices: LinkNotices
  readonly clientStates: ClientStates
  readonly createdAt: number
  #client: Client | undefined = undefined
  /** If true, only encrypted connections are accepted. Undefined before the first. */
  isSecure: boolean | undefined

  /** `client`: only for a client that logs in itself. `before`: the record of another process. */
  constructor(
    domain: string,
    keeper: SessionKeeper,
    client?: { readonly isSecure: boolean; readonly attempts: ClientAttempts },
    before?: SessionRecord,
    ids: SessionIds = before ?? newSid(keeper.common.processName),
  ) {
    const now = keeper.common.clock.now()
    this.keeper = keeper
    this.sid = ids.sid
    this.id = ids.id
    this.domain = domain
    this.origin = client === undefined ? 'warmed' : 'client'
    this.outbox = new Outbox(keeper.common)
    this.inactivity = new Inactivity(now)
    this.downlink = new Downlink(this)
    this.uplink = new Uplink(absentLink(this.downlink), keeper.common)
    this.outbox.source = this.uplink
    this.linkNotices = new LinkNotices(this)
    this.clientStates = new ClientStates(this, before?.clientStates)
    this.createdAt = now + (before?.createdAt ?? 0)
    this.tab = before?.tab
    this.guestAddress = before?.guestAddress
    this.ids = before?.ids
    this.history = new SessionHistory(before?.history)
    this.isSecure = before === undefined ? client?.isSecure : before.isSecure
    const login = client && new ClientLogin(domain, keeper.common, now, client.attempts)
    this.stage = new Stage(this, login)
    if (before !== undefined) this.stage.takeUp(before, now)
  }

  /** Bare if the client has resumed a stream that this process does not know. */
  get jid(): string | undefined {
    return this.stage.jid
  }

  get client(): Client | undefined {
    return this.#client
  }

  get link(): Link {
    return this.uplink.link
  }

  get view(): StoredSession {
    return viewOf(this, this.keeper.common.processName)
  }

  get now(): number {
    return this.keeper.common.clock.now()
  }

  get hasEnded(): boolean {
    return this.stage.name === 'ended'
  }

  get isRemoved(): boolean {
    return this.stage.isRemoved
  }

  /** True if a client may send its password: its connection is encrypted, and PLAIN is allowed on the link. */
  get allowsPasswords(): boolean {
    return this.isSecure === true && this.link.facts.plainAllowed
  }

  begin(client: Client, options: LinkOptions, events: LinkEvents = this.downlink): void {
    this.#client = client
    this.uplink.link = this.keeper.common.connect(this.domain, options, events)
  }

  takeUp(before: SessionRecord, client: Client, management: Management): void {
    this.#client = client
    this.inactivity.takeUp(before.inactivity, this.now)
    this.uplink.opened()
    // The link counts what the page does not have.
    this.outbox.takeUp(before.isKept === true ? { ...before.outbox, elements: before.link.early } : before.outbox)
    this.uplink.manage(this, management, before.link)
    if (before.isLinkWatched === true) this.linkNotices.watch()
    this.#note('taken-up')
    this.keeper.loggedIn(this, before.jid)
    this.schedule()
  }

  /** True if the client itself can resume its stream. */
  get mayReturn(): boolean {
    return !this.hasEnded && this.#client?.transport === 'websocket' && this.uplink.watch.isCounted
  }

  get maySetDown(): boolean {
    return !this.hasEnded && this.uplink.managed?.mayResume === true
  }

  /**
   * Ends the session here and returns its record. If no process could continue the session, leaves it as it is and
   * returns undefined.
   */
  setDown(): SessionRecord | undefined {
    const { client, uplink } = this
    const { managed } = uplink
    if (!this.maySetDown || client === undefined || managed === undefined) return undefined
    const now = this.now
    if (client.isPresent) this.inactivity.begin(now)
    const next = client.setDown?.(now)
    if (next === undefined || this.hasEnded) return undefined
    const record = sessionRecordOf(this, now, this.outbox.record, managed.setDown(), next)
    this.#close('set-down')
    this.keeper.removed(this, 'set-down')
    return record
  }

  /** Another process has taken the session, because this one was silent. It no longer tells the server anything. */
  cede(): void {
    const { managed } = this.uplink
    if (this.isRemoved || managed === undefined) return
    const { stanzas } = managed.counts.unconfirmed
    if (stanzas.length > 0)
      this.notice('another process has the session, or will have it: the last stanzas of its page may be lost')
    managed.cede()
    this.#client?.cede?.()
    this.#close('set-down')
    this.keeper.removed(this, 'set-down')
  }

  /** Returns a token for the page's login over WebSocket, or undefined if the page can only use BOSH. */
  loggedIn(jid: string, undelivered: readonly Element[], client: Client, handover: Handover, management?: Management) {
    this.uplink.opened()
    if (management !== undefined) this.uplink.manage(this, management)
    const token = this.#await(jid, client, handover)
    const receiver = this.uplink.managed ?? this.downlink
    for (const element of undelivered)
      if (element.isDropped === true) {
        this.uplink.managed?.counts.receiveDropped()
        this.downlink.answerDropped(element)
      } else receiver.onElement(element)
    this.#note('logged-in')
    this.keeper.loggedIn(this, jid)
    return token
  }

  loggedInByClient({ jid, resumed }: ClientLoggedIn, isManaged: boolean): void {
    this.stage.loggedIn(jid)
    if (isManaged) this.uplink.manage(this, { mending: undefined })
    this.#note('logged-in')
    this.keeper.loggedIn(this, jid, resumed)
  }

  /** Stanzas that the page has not received, or not confirmed. */
  get undelivered(): number {
    return this.outbox.length + (this.#client?.unconfirmed ?? 0)
  }

  /** The link broke, and is mended now. It may have had no turn to hand on what it read last. */
  mending(): void {
    this.linkNotices.tell(true)
    this.flush()
  }

  mended(wasSetDown: boolean): void {
    this.clientStates.mended()
    this.linkNotices.tell(false)
    // With the id that the server gave the stream, without which nobody could resume it again.
    this.keeper.kept?.keepNow(this)
    if (wasSetDown) return
    this.#note('mended')
    this.notice('a link to a server was mended')
  }

  resume(handover: Handover): ResumedSession | undefined {
    const { jid } = this
    if (jid === undefined || !this.stage.canResume) return undefined
    const next = this.#handOver()
    // The last requests of the page before can end the session.
    if (next === undefined || !this.stage.canResume) return undefined
    const { client, binding } = next.make(handover)
    const token = this.#await(jid, client, handover)
    if (this.ids !== undefined) this.ids = handover.ids
    this.#note('resumed')
    // A page that cannot resume its stream does not repeat stanzas.
    if (this.outbox.resumption === undefined) this.uplink.managed?.unrecorded?.repeatsNoMore()
    this.keeper.kept?.keepNow(this)
    this.keeper.resumed(this)
    return { id: this.id, jid, ...binding, token, delivered: this.outbox.countForPages }
  }

  handOver(make: (next: NextPage) => Client): boolean {
    const next = this.#handOver()
    if (next === undefined) return false
    this.#client = make(next)
    return true
  }

  /** Call this for each accepted BOSH request, and when a page logs in over WebSocket. */
  attach(isSecure: boolean, by?: { readonly browser?: string | undefined }): void {
    this.isSecure ??= isSecure
    if (!this.stage.attach()) return
    this.history.browser = by?.browser
    this.#note('attached')
    this.keeper.attached(this)
  }

  pause(seconds: number): void {
    this.inactivity.allow(seconds, true)
    this.#note('paused')
  }

  #note(event: Parameters<SessionHistory['note']>[0]): void {
    this.history.note(event, this.now - this.createdAt)
  }

  #await(jid: string, client: Client, handover: Handover): string | undefined {
    const now = this.now
    const token = this.stage.await(jid, handover, now)
    this.#client = client
    this.inactivity.allow(handover.seconds)
    this.inactivity.begin(now)
    this.schedule()
    return token
  }

  #handOver(): NextPage | undefined {
    const { jid } = this
    if (this.isRemoved || jid === undefined || !isFullJid(jid)) return undefined
    // A page over BOSH was here, whose stanzas follow: an earlier page cannot resume its stream.
    if (this.#client?.transport === 'bosh' && !this.stage.isAwaited) this.outbox.resumption = undefined
    const next = this.#client?.handOver?.()
    if (next === undefined) return undefined
    this.uplink.forgive()
    this.linkNotices.forget()
    this.clientStates.forget()
    return next
  }

  send(payload: Payload, now: number): void {
    if (payload.elements.length === 0) return
    if (this.uplink.charge(payload.bytes, now)) this.#refused('session-bytes')
    if (payload.clearRefusal !== undefined && !this.allowsPasswords) {
      this.outbox.add(payload.clearRefusal)
      return
    }
    const { login } = this.stage
    if (login !== undefined) this.#sendScreened(payload, login)
    else {
      const known = this.clientStates.take(this.linkNotices.take(payload))
      this.uplink.send(this.uplink.managed === undefined ? known : withoutManagement(known, this.outbox), now)
    }
    if (this.uplink.isOverfull(login !== undefined)) {
      this.#refused('unsent')
      this.end(login === undefined ? 'connection-lost' : 'policy-violation', 'reported')
    }
  }

  #refused(limit: Limit): void {
    this.keeper.common.refused(limit, { session: this.id })
  }

  #sendScreened(payload: Payload, login: ClientLogin): void {
    const screened = login.screen(payload.elements, this)
    if (typeof screened === 'string') this.end(screened, 'reported')
    else {
      for (const answer of screened.answers) this.outbox.add(answer)
      if (screened.passed.length > 0) this.uplink.send({ ...payload, elements: screened.passed })
    }
  }

  releaseUplink(): void {
    if (this.hasEnded) return
    this.run(() => {
      this.uplink.release()
      this.flush()
    })
  }

  restart(to: string | undefined, options: StreamOptions): boolean {
    if (!this.link.isBetweenElements || this.stage.login?.restart(to) !== true) return false
    this.uplink.restart(options)
    return true
  }

  notice(what: string): void {
    this.keeper.common.log.noticed(this, what)
  }

  run(work: () => void): void {
    if (this.isRemoved) return
    try {
      work()
    } catch (error) {
      this.fail(error)
    }
    this.schedule()
  }

  flush(): void {
    const { outcome } = this.stage
    if (outcome === undefined) {
      if (this.keeper.kept?.mayBeTaken(this) !== true) this.#client?.flush()
    } else if (!this.isRemoved && this.#client?.reportEnd(outcome) === true) removeSession(this, outcome, 'silent')
  }

  schedule(): void {
    const client = this.#client
    if (client === undefined || this.isRemoved) return
    this.keeper.touched(this)
    const inactive = client.isPresent ? Number.POSITIVE_INFINITY : this.inactivity.end
    const login = this.stage.login?.end ?? Number.POSITIVE_INFINITY
    const { watch, managed } = this.uplink
    if (managed?.counts.isAsked === true) watch.awaits(this.keeper.common.clock)
    this.deadline = Math.min(inactive, client.deadline, login, this.uplink.deadline)
  }

  tick(): void {
    const now = this.now
    const login = this.stage.login
    if (login !== undefined && now >= login.end) this.end('login-timeout', 'reported')
    else this.#client?.tick(now)
    this.uplink.managed?.tick(now)
    if (!this.hasEnded && now >= this.uplink.watch.deadline) this.uplink.ping(now, this)
    if (this.isRemoved || this.#client?.isPresent === true || now < this.inactivity.end) return
    this.end(this.stage.isAwaited ? 'attach-timeout' : 'inactivity', 'silent')
  }

  end(reason: EndReason, how: How, streamError?: string): void {
    this.run(() => endSession(this, { reason, streamError }, how))
  }

  #close(reason: EndReason): void {
    this.stage.end({ reason }, true)
    this.deadline = Number.POSITIVE_INFINITY
    this.outbox.close()
    this.uplink.takeUnsent()
  }

  fail(cause: unknown): void {
    // Before the link closes: the server must keep what the page does not have.
    attempt(() => this.uplink.returnToSenders(this.outbox.waiting, this.#client?.unconfirmed))
    this.#close('fault')
    const report = () => this.keeper.common.log.report(cause, this.#client?.transport, this.id)
    const remove = () => this.keeper.removed(this, 'fault')
    // Errors in these steps are ignored.
    for (const step of [report, remove, () => this.link.close(), () => this.#client?.close('fault')]) attempt(step)
  }
}
