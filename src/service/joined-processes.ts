import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { type Place, written } from '../config/kinds/listen-addresses.js'
import { ConfigError } from '../config/load.js'
import { lastPort, type Peers as PeerPlaces } from '../config/redis-settings.js'
import { PeerLinks } from '../forwarding/peer-links.js'
import { listenForPeers, type PeerListener } from '../forwarding/peer-listener.js'
import { Peers } from '../forwarding/peers.js'
import type { Dispatcher } from '../http/listening/dispatch.js'
import { bindFailureReason } from '../http/listening/listen-problems.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { MinuteSums } from '../lib/limits/minute-sums.js'
import { codeOf, type LogFor, traceOf } from '../lib/log.js'
import { version } from '../lib/package-json.js'
import type { Phase } from '../lib/phase.js'
import type { SessionBook } from '../session/registry/session-book.js'
import { type ProcessEntry, type Store, type StoreEvents, StoreUnavailable } from '../store/store.js'

const lookMilliseconds = 1_000
/** Collects calls. */
const checkMilliseconds = 250
const changedKind = 'processes-changed'
/** Time for the last answers to and from other processes. */
export const lastAnswersMilliseconds = 250

interface JoinedParts {
  readonly openStore: (events: StoreEvents) => Promise<Store>
  /** For links between machines. */
  readonly keys: () => readonly KeyObject[]
  readonly peers: Config['peers']
  /** Ports from that of PEER_LISTEN on: the first free port is taken. */
  readonly ports: number
  readonly name: string
  readonly place: string
  /** For Unix sockets. Default: a folder of this process alone. */
  readonly folder?: string | undefined
  readonly settings: () => ProcessEntry['settings']
  readonly phase: Phase
  readonly clock: Clock
  readonly sums: MinuteSums
  readonly logFor: LogFor
}

/** Makes this process one of several that act as one service. */
export async function joinProcesses(parts: JoinedParts): Promise<JoinedProcesses> {
  const log = parts.logFor('nodes')
  const store = await parts.openStore({
    onDown(reason, cause) {
      const why = reason === 'refused' ? ', because it refuses the user, the password or a command' : ''
      log.error({ reason, cause, setting: 'REDIS_URL' }, `Redis is away${why}: this process serves its own sessions`)
    },
    onUp: () => log.info('Redis is there'),
  })
  return new JoinedProcesses(parts, store, log)
}

export class JoinedProcesses {
  readonly store: Store
  readonly peers: Peers
  /** Until then, requests of other processes for sessions wait. */
  whenSetDown: Promise<void> = Promise.resolve()
  readonly #parts: JoinedParts
  readonly #log: Logger
  readonly #links: PeerLinks
  readonly #ownFolder: string | undefined
  readonly #compareSettings: () => void
  #listener: PeerListener | undefined
  #timer: Timer | undefined
  #checking: Timer | undefined
  #told: Promise<unknown> = Promise.resolve()
  #book: SessionBook | undefined

  constructor(parts: JoinedParts, store: Store, log: Logger) {
    const { keys, name, place, clock, sums } = parts
    this.store = store
    this.#parts = parts
    this.#log = log
    this.#links = new PeerLinks({ keys, clock })
    const isWarningDue = sums.firsts()
    const peers = new Peers({
      self: name,
      place,
      store,
      links: this.#links,
      clock,
      onUnreachable({ place, address }) {
        if (isWarningDue(place))
          log.error({ place, address }, 'a process cannot be reached: see its PEER_LISTEN, PEER_ADDRESS and firewalls')
      },
      onLost: ({ name, place }) =>
        log.warn(
          { other: name, place },
          'a process has died or hangs: the others continue its sessions that were stored',
        ),
    })
    this.peers = peers
    this.#ownFolder = parts.folder === undefined && parts.peers === undefined ? madeFolder() : undefined
    this.#compareSettings = settingsComparison(peers, parts.settings, log)
    peers.answer(changedKind, async () => {
      await store.readProcesses().catch(() => {})
      peers.look()
    })
  }

  get requests(): number {
    return this.#links.streams
  }

  /** Other processes with other settings. */
  get unequal(): number {
    const own = this.#parts.settings()
    return this.peers.others.filter(other => differences(own, other).length > 0).length
  }

  /** Listens for the other processes, and tells them. They know this process when it has its first client. */
  async join(dispatcher: Dispatcher, book: SessionBook): Promise<void> {
    const { name, place, settings, phase, clock } = this.#parts
    const { listener, address } = await listenForOthers(this.#parts, this.#ownFolder, this.peers, dispatcher)
    this.#listener = listener
    this.#book = book
    await this.store.join({
      entry: () => ({ name, address, place, version, settings: settings(), isDraining: phase.has('draining') }),
      sessions: () => book.sessions(),
      checkEnded: () => this.#checkEnded(book),
      lost: ids => book.cede(ids),
      caughtUp: () => book.caughtUp(),
    })
    await this.#tellOthers()
    const look = () => {
      this.#timer = clock.after(lookMilliseconds, look)
      this.peers.look()
      this.#compareSettings()
      book.tick()
    }
    look()
  }

  /** The other processes then know that this one drains, and send no new sessions. */
  tellDraining(): void {
    this.#told = this.store.readProcesses().then(
      () => this.#tellOthers(),
      () => {},
    )
  }

  /** The other processes then answer what they hold for this one. */
  async retireLinks(): Promise<void> {
    await this.#told
    this.#parts.phase.begin('leaving')
    this.#links.retire()
  }

  async leave(): Promise<void> {
    this.#timer?.cancel()
    this.#checking?.cancel()
    // Processes that know that it drains do not miss it.
    await this.#told
    // Others would continue a session that has just ended.
    this.#book?.writeRemoved()
    await this.store.leave(this.#parts.name).catch(() => {})
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#links.close()
    await this.#listener?.close(lastAnswersMilliseconds)
    await this.store.close()
    if (this.#ownFolder !== undefined) rmSync(this.#ownFolder, { recursive: true, force: true })
  }

  /** Without this, the others notice a change within a second. */
  #tellOthers(): Promise<unknown> {
    const { others } = this.peers
    return Promise.all(others.map(({ name }) => this.peers.ask(name, changedKind, null).catch(() => {})))
  }

  #checkEnded(book: SessionBook): void {
    this.#checking ??= this.#parts.clock.after(checkMilliseconds, () => {
      this.#checking = undefined
      book.endMarked().catch(error => {
        if (!(error instanceof StoreUnavailable)) this.#log.error(traceOf(error), 'ended sessions were not found')
      })
    })
  }
}

/** Returns a function that warns once of each process with other settings. */
function settingsComparison(peers: Pick<Peers, 'others'>, settings: JoinedParts['settings'], log: Logger): () => void {
  const compared = new Set<string>()
  return () => {
    const own = settings()
    for (const other of peers.others) {
      if (compared.has(other.name)) continue
      compared.add(other.name)
      const different = differences(own, other)
      if (different.length === 0) continue
      log.warn({ other: other.name, place: other.place, different }, 'a process has other settings')
    }
    for (const each of compared) if (!peers.others.some(({ name }) => name === each)) compared.delete(each)
  }
}

/** `address` is what the others connect to. */
async function listenForOthers(
  { keys, name, folder, peers: places, ports, logFor }: JoinedParts,
  ownFolder: string | undefined,
  others: Peers,
  dispatcher: Dispatcher,
) {
  const { upgradeFor } = dispatcher
  const report = (error: unknown) => logFor('nodes').error(traceOf(error), 'a request of another process failed')
  const listenAt = (address: Place) =>
    listenForPeers({
      address,
      keys,
      listener: dispatcher,
      upgradeFor,
      accept: (stream, headers) => others.accept(stream, headers),
      answer: others.answerCall,
      report,
    })
  if (places === undefined) {
    const place = { host: `unix:${join(folder ?? ownFolder!, `${name}.sock`)}`, port: 0 }
    return { listener: await listenAt(place), address: written(place) }
  }
  const { listen, address: shown } = places
  const listener = await atFreePort(listen, ports, listenAt)
  const { port } = listener.address as AddressInfo
  const shownPort = shown.port === 0 ? port : shown.port + port - listen.port
  return { listener, address: written({ host: shown.host, port: shownPort }) }
}

const madeFolder = () => mkdtempSync(join(tmpdir(), 'warm-bindings-'))

async function atFreePort<T>(
  { host, port }: PeerPlaces['listen'],
  ports: number,
  listenAt: (address: Place) => Promise<T>,
) {
  const last = Math.min(port + ports - 1, lastPort)
  for (let next = port; ; next++) {
    try {
      return await listenAt({ host, port: next })
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EADDRINUSE' && next < last) continue
      const reason = code === 'EADDRINUSE' ? inUse(last - port + 1) : bindFailureReason(code)
      throw reason === undefined ? error : new ConfigError([`PEER_LISTEN is ${written({ host, port })}, ${reason}`])
    }
  }
}

const inUse = (ports: number) =>
  ports === 1
    ? 'which another program uses: choose another port'
    : `but this port and the ${ports - 1} after it are in use, by other programs or by workers that still drain`

const differences = (own: ProcessEntry['settings'], other: ProcessEntry) =>
  Object.keys(own).filter(each => own[each] !== other.settings[each])
