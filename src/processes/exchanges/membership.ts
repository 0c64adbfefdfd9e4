import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import type { Carrier, CarrierEvents } from '../carriers/carrier.js'
import { type Frame, frameKinds, readFrame, writeFrame } from '../carriers/frames.js'
import type { AboutNode } from '../nodes.js'
import type { Accept, Guarded } from './exchanges.js'
import { adoptedIn, Owners } from './owners.js'
import { RemoteNode } from './remote-node.js'

const heartbeatMilliseconds = 1_000
const silenceCheckMilliseconds = 500
const groupHeartbeatsPerSecond = 40
const mostNamesInHeartbeat = 40
const joinMilliseconds = 250

interface MembershipParts {
  readonly self: string
  /** The first carrier that works is used. */
  readonly carriers: readonly Carrier[]
  readonly clock: Clock
  readonly log: Logger
  readonly about: AboutNode | undefined
  readonly awaitsHeirs: boolean
  readonly accept: Accept
  readonly guarded: Guarded
  readonly report: (error: unknown) => void
}

interface Notice {
  readonly isDraining: boolean
  readonly about: AboutNode | undefined
  readonly known: readonly string[]
  /** Older versions omit the following fields. */
  readonly adopted?: readonly string[]
  readonly isLeaving?: boolean
  readonly asks?: true | undefined
}

export class Membership {
  readonly owners: Owners
  readonly #parts: MembershipParts
  readonly #known = new Map<string, RemoteNode>()
  readonly #reported: ReportedNodes
  readonly #listeners: (() => void)[] = []
  #isDraining = false
  #isClosed = false
  #isChangeDue = false
  #beat: Timer | undefined
  #joined: { other: string; place: string; version: string }[] = []
  #joinLog: Timer | undefined
  #lookedAt: number
  #announceAt = 0

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#reported = new ReportedNodes(parts.clock)
    this.#lookedAt = parts.clock.now()
    const { self, clock, awaitsHeirs, guarded } = parts
    const isOnlyReported = (name: string) => this.isOnlyReported(name)
    this.owners = new Owners({ self, clock, awaitsHeirs, known: this.#known, isOnlyReported, guarded })
  }

  get known(): Iterable<RemoteNode> {
    return this.#known.values()
  }

  get there(): RemoteNode[] {
    return [...this.#known.values()].filter(({ isGivenUp }) => !isGivenUp)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get(name: string): RemoteNode | undefined {
    return this.#known.get(name)
  }

  has(name: string): boolean {
    return this.#known.get(name)?.isGivenUp === false || this.#reported.has(name)
  }

  isOnlyReported(name: string): boolean {
    return !this.#known.has(name) && this.#reported.has(name)
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  begin(): void {
    this.#announce()
    this.#beat = this.#parts.clock.after(silenceCheckMilliseconds, () => this.#look())
  }

  drain(): void {
    this.#isDraining = true
    this.#announce()
  }

  adopt(names: readonly string[]): void {
    this.owners.adopt(names)
    this.#tellAll()
  }

  leave(): void {
    this.#isDraining = true
    this.owners.leave()
    this.#tellAll()
  }

  close(): void {
    this.#isClosed = true
    this.#beat?.cancel()
    this.#joinLog?.cancel()
    this.owners.close()
  }

  clear(): void {
    // `gone` would be wrong: the processes still exist.
    for (const node of this.#known.values()) node.break('broken')
    this.#known.clear()
  }

  eventsOf(carrier: () => Carrier, isPreferred: boolean): CarrierEvents {
    return {
      onJoin: other => this.#join(other, carrier(), isPreferred),
      onBytes: (other, bytes) => {
        const node = this.#known.get(other)
        if (node === undefined) return
        this.#heard(node)
        try {
          node.read(carrier(), bytes, frame => this.#take(node, frame))
        } catch (error) {
          this.#parts.report(error)
          // After invalid bytes, the next frame cannot be found.
          carrier().restart(other)
        }
      },
      onAnnouncement: (other, bytes) => {
        const node = this.#known.get(other)
        const frame = readFrame(bytes)
        if (node === undefined || frame === undefined) return
        this.#heard(node)
        this.#take(node, frame)
      },
      onBreak: other => this.#known.get(other)?.lose(carrier()),
      onLeave: other => this.#lose(other, carrier()),
    }
  }

  #join(other: string, carrier: Carrier, isPreferred: boolean): void {
    const { self, clock, accept, guarded } = this.#parts
    if (other === self || this.#isClosed) return
    let node = this.#known.get(other)
    if (node === undefined) {
      node = new RemoteNode(other, accept, guarded, clock.now())
      this.#known.set(other, node)
    }
    node.join(carrier, isPreferred, clock.now())
    carrier.send(other, this.#notice())
    this.#changed()
  }

  #lose(other: string, carrier: Carrier): void {
    const node = this.#known.get(other)
    if (node === undefined) return
    const wasUsed = node.drop(carrier)
    if (!node.isReached) {
      this.#known.delete(other)
      this.#reported.forget(other)
      this.#parts.log.info({ other }, 'a process is gone')
      this.owners.lost(node)
      this.#changed()
    }
    // The heir must be known before `break`: the requests that `break` ends go to the heir.
    if (wasUsed) node.break(node.isReached ? 'broken' : 'gone')
  }

  #heard(node: RemoteNode): void {
    const { clock, log } = this.#parts
    if (!node.heard(clock.now())) return
    log.info({ other: node.name }, 'a process answers again')
    this.#changed()
  }

  /** Never throws, so that the next frames are read. */
  #take(node: RemoteNode, frame: Frame): void {
    this.#parts.guarded(() => {
      if (frame.kind === frameKinds.notice) this.#note(node, frame.head as Notice)
      else if (frame.kind === frameKinds.reset) node.break('broken')
      else node.exchanges.take(frame)
    })
  }

  #note(node: RemoteNode, { about, known, isDraining, adopted, isLeaving, asks }: Notice): void {
    if (asks === true) node.tell(this.#notice())
    if (node.about === undefined && about !== undefined) this.#compareSettings(node, about)
    this.#noteNames(node, adoptedIn(adopted), isLeaving === true)
    this.#reported.report(known.filter(name => name !== this.#parts.self))
    if (node.isDraining === isDraining) return
    node.isDraining = isDraining
    this.#changed()
  }

  #noteNames(node: RemoteNode, adopted: ReadonlySet<string>, isLeaving: boolean): void {
    const { log } = this.#parts
    const isSame = adopted.size === node.adopted.size && [...adopted].every(name => node.adopted.has(name))
    if (node.hasHeartbeat && isSame && isLeaving === node.isLeaving) return
    node.hasHeartbeat = true
    node.adopted = adopted
    // A process without WORKERS and NATS has an empty name.
    const names = Array.from(adopted, name => name || 'the single process')
    if (!isSame) log.info({ other: node.name, adopted: names }, 'a process answers for others')
    if (isLeaving && !node.isLeaving) {
      node.isLeaving = true
      log.info({ other: node.name }, 'a process hands over its sessions')
      this.owners.handsOver(node)
    }
    this.owners.check()
  }

  #compareSettings(node: RemoteNode, told: AboutNode): void {
    const { log, about } = this.#parts
    node.about = told
    const { place, version, settings } = told
    this.#joined.push({ other: node.name, place, version })
    this.#joinLog ??= this.#parts.clock.after(joinMilliseconds, () => this.#logJoined())
    const names = Object.keys({ ...about?.settings, ...settings })
    const different = names.filter(name => about?.settings[name] !== settings[name])
    if (different.length > 0) log.warn({ other: node.name, place, different }, 'a process has other settings')
  }

  #logJoined(): void {
    const { log } = this.#parts
    const joined = this.#joined.splice(0)
    this.#joinLog = undefined
    if (joined.length === 1) log.info(joined[0], 'a process has joined')
    else {
      const versions = [...new Set(joined.map(({ version }) => version))]
      const others = joined.map(({ other }) => other)
      log.info({ count: joined.length, versions, others }, 'processes have joined')
    }
  }

  #look(): void {
    const { clock, log } = this.#parts
    this.#beat = clock.after(silenceCheckMilliseconds, () => this.#look())
    const now = clock.now()
    // If this process was paused, silence proves nothing.
    const late = now - this.#lookedAt - silenceCheckMilliseconds
    this.#lookedAt = now
    if (now >= this.#announceAt) this.#announce()
    const extraInterval = this.#interval - heartbeatMilliseconds
    for (const node of this.#known.values()) {
      if (late > heartbeatMilliseconds) node.forgive(late)
      if (node.isAskDue(now, extraInterval)) node.tell(this.#notice(true))
      if (!node.look(now, extraInterval)) continue
      log.warn({ other: node.name, isGivenUp: node.isGivenUp }, 'a process does not answer')
      this.#changed()
    }
    this.owners.check()
  }

  /** Sends to each process on its own, because a broadcast may be lost. */
  #tellAll(): void {
    const frame = this.#notice()
    for (const node of this.#known.values()) node.tell(frame)
  }

  #announce(): void {
    const frame = this.#notice()
    const interval = this.#interval
    // Processes that start together should not send at the same time.
    const share = interval > heartbeatMilliseconds ? 0.75 + Math.random() / 4 : 1
    this.#announceAt = this.#parts.clock.now() + interval * share
    for (const carrier of this.#parts.carriers) carrier.announce(frame)
  }

  get #interval(): number {
    return Math.max(heartbeatMilliseconds, ((this.#known.size + 1) * 1_000) / groupHeartbeatsPerSecond)
  }

  /** Returns a random part of a large group. Several heartbeats together contain every name. */
  #namesToTell(): string[] {
    const names = this.there.map(({ name }) => name)
    if (names.length <= mostNamesInHeartbeat) return names
    const first = Math.floor(Math.random() * names.length)
    return [...names.slice(first), ...names.slice(0, first)].slice(0, mostNamesInHeartbeat)
  }

  #notice(asks?: true): Buffer {
    return writeFrame(frameKinds.notice, true, 0, {
      isDraining: this.#isDraining,
      about: this.#parts.about,
      known: this.#namesToTell(),
      adopted: this.owners.adopted,
      isLeaving: this.owners.isLeaving,
      asks,
    } satisfies Notice)
  }

  #changed(): void {
    if (this.#isChangeDue) return
    this.#isChangeDue = true
    setImmediate(() => {
      this.#isChangeDue = false
      if (!this.#isClosed) for (const listener of this.#listeners) this.#parts.guarded(listener)
    })
  }
}

const reportValidMilliseconds = 2_500
const mostGone = 1_000

/** Processes known only from reports of others, for example after a start. */
class ReportedNodes {
  readonly #clock: Pick<Clock, 'now'>
  readonly #until = new Map<string, number>()
  readonly #gone = new Map<string, true>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  report(names: readonly string[]): void {
    const now = this.#clock.now()
    for (const [name, until] of this.#until) if (until < now) this.#until.delete(name)
    for (const name of names) if (!this.#gone.has(name)) this.#until.set(name, now + reportValidMilliseconds)
  }

  forget(name: string): void {
    this.#until.delete(name)
    this.#gone.set(name, true)
    forgetOldest(this.#gone, mostGone)
  }

  has(name: string): boolean {
    return (this.#until.get(name) ?? 0) > this.#clock.now()
  }
}
