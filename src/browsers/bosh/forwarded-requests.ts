import type { Config } from '../../config/config.js'
import type { Peers } from '../../forwarding/peers.js'
import type { FoundOwner, Whereabouts } from '../../forwarding/whereabouts.js'
import { countedClientOf } from '../../lib/client-network.js'
import { pause } from '../../lib/clock.js'
import { exceeds, KeyCounts } from '../../lib/limits/key-counts.js'
import { NoAnswer } from '../../store/other-processes.js'
import { StoreUnavailable } from '../../store/store.js'
import type { TransportParts } from '../transport-parts.js'
import { readBodyHead } from './body.js'
import type { ConnectionManager } from './connection-manager.js'
import { ForwardedPeer, forwardText } from './forwarded-peer.js'
import { busyAnswer, noAnswer, type Peer, type Reply } from './peer.js'

/** For each connection that a client can have. A page has two requests under way, and sends one more in time. */
const requestsOfConnection = 4
/** Of a client at once: each asks the store several times. */
const mostLookups = 64
const mostTries = 4
const repeatMilliseconds = 300
const longText = 4096
const tooLargeKind = 'bosh-too-large'

export interface BoshService extends Pick<ConnectionManager, 'serve'> {
  refuseTooLarge(start: string, peer: Sender): Reply | undefined | Promise<Reply | undefined>
}

type Sender = Pick<Peer, 'address' | 'secure' | 'cookies'>

interface TooLarge extends Pick<Peer, 'secure' | 'cookies'> {
  readonly start: string
}

interface ForwardedRequestsParts {
  readonly transport: TransportParts
  readonly whereabouts: Whereabouts
  readonly config: () => Pick<Config, 'listen' | 'trustedProxies'>
}

/** BOSH services that also reach sessions of other processes. */
export class ForwardedRequests {
  readonly #parts: ForwardedRequestsParts
  readonly #peers: Peers
  /** By client, under way. */
  readonly #requests = new KeyCounts()
  readonly #lookups = new KeyCounts()
  /** Each serves the requests of all sessions. Undefined while no site has BOSH. */
  #newest: ConnectionManager | undefined

  constructor(parts: ForwardedRequestsParts) {
    this.#parts = parts
    this.#peers = parts.whereabouts.peers
    this.#peers.answer(tooLargeKind, ({ start, ...client }: TooLarge) => this.#newest?.refuseTooLarge(start, client))
    this.#peers.accept = (stream, headers) =>
      ForwardedPeer.accept(stream, headers, (text, peer) => {
        this.#serveForwarded(text, peer).catch(error => this.#drop(error, peer))
      })
  }

  get #isDraining(): boolean {
    return this.#parts.whereabouts.phase.has('draining')
  }

  over(manager: ConnectionManager): BoshService {
    this.#newest = manager
    return {
      serve: (text, peer) => {
        const { sid } = readBodyHead(text)
        const isNew = sid === undefined && this.#isDraining && peer.cameFromPeer !== true
        if (isNew) this.#create(text, peer, manager).catch(error => this.#drop(error, peer))
        else if (sid === undefined || manager.has(sid)) manager.serve(text, peer)
        else this.#forwardCounted(text, sid, peer).catch(error => this.#drop(error, peer))
      },
      refuseTooLarge: (start, peer) => {
        const { sid } = readBodyHead(start)
        if (sid === undefined || manager.has(sid)) return manager.refuseTooLarge(start, peer)
        return this.#refuseElsewhere(start, sid, peer).catch(error => this.#answerTo(error))
      },
    }
  }

  async #refuseElsewhere(start: string, sid: string, peer: Sender) {
    const question: TooLarge = { start, secure: peer.secure, cookies: peer.cookies }
    const ask = (name: string) => this.#peers.ask(name, tooLargeKind, question) as Promise<Reply | null | undefined>
    const named = this.#peers.ownerIn(sid)
    const reply = named && (await ask(named.name))
    if (reply) return reply
    const place = await this.#lookUp(sid, peer, named?.name)
    if (place === 'here' || place === undefined) return this.#newest!.refuseTooLarge(start, peer)
    return (await ask(place.name)) ?? undefined
  }

  /** The other process can hang. */
  async #forwardCounted(text: string, sid: string, peer: Peer): Promise<void> {
    const { config, transport } = this.#parts
    const { listen, trustedProxies } = config()
    const client = countedClientOf(peer.address, trustedProxies)
    if (client === undefined) return this.#forwardAny(text, sid, peer)
    if (exceeds(this.#requests.of(client) + 1, requestsOfConnection * listen.maxConnectionsPerAddress)) {
      transport.refused('connections-address', { address: client })
      return peer.answer(busyAnswer)
    }
    return this.#requests.during(client, () => this.#forwardAny(text, sid, peer))
  }

  /** Counts a long request as unfinished until it is answered. */
  #forwardAny(text: string, sid: string, peer: Peer): Promise<void> {
    if (text.length <= longText) return this.#forward(text, sid, peer)
    const room = this.#parts.transport.bodies.ofMessage(peer.address)
    if (!room.resize(2 * text.length)) return Promise.resolve(peer.answer(busyAnswer))
    return this.#forward(text, sid, peer).finally(() => room.resize(0))
  }

  /** Tries again after a loss, because a session processes a repeated request once. */
  async #forward(text: string, sid: string, peer: Peer): Promise<void> {
    const { whereabouts, transport } = this.#parts
    const peers = this.#peers
    let place: FoundOwner = peers.ownerIn(sid)
    let lost: string | undefined
    for (let tries = 1; !peer.gone; tries++) {
      place ??= await this.#lookUp(sid, peer, lost)
      // Its client may have repeated the request, and must get the reply to that one.
      if (peer.gone) return
      if (place === 'here') {
        peer.mayBeLate = true
        return this.#newest!.serve(text, peer, true)
      }
      if (place === undefined) return this.#newest!.refuseUnknown(peer)
      const how = await forwardText(place.link, text, peer)
      if (how === undefined) return
      if (how === 'unreachable' || tries === mostTries || whereabouts.phase.has('leaving')) return peer.answer(noAnswer)
      if (how === 'gone') peers.noteGone(place.name)
      if (how !== 'broken') lost = place.name
      else if (tries > 1) await pause(transport.clock, repeatMilliseconds)
      place = how === 'broken' ? peers.ownerNamed(place.name) : undefined
    }
  }

  async #lookUp(sid: string, peer: Sender, lost?: string): Promise<FoundOwner> {
    const { whereabouts, transport, config } = this.#parts
    const find = () => whereabouts.find({ secret: sid }, () => this.#newest!.has(sid), lost)
    const client = countedClientOf(peer.address, config().trustedProxies)
    if (client === undefined) return find()
    if (this.#lookups.of(client) >= mostLookups) {
      transport.refused('lookups', { address: client })
      throw new StoreUnavailable('no-answer')
    }
    return this.#lookups.during(client, find)
  }

  async #create(text: string, peer: Peer, manager: ConnectionManager): Promise<void> {
    const asked = new Set<string>()
    for (;;) {
      const other = this.#isDraining ? this.#peers.forNewSession(asked) : undefined
      if (other === undefined) return manager.serve(text, peer)
      const how = await peer.forward!(other.link, text)
      if (how === undefined) return
      if (how === 'broken' || how === 'silent') return peer.answer(noAnswer)
    }
  }

  async #serveForwarded(text: string, peer: ForwardedPeer): Promise<void> {
    const { sid } = readBodyHead(text)
    const isHere = () => this.#newest?.has(sid) === true
    if (!isHere() && !(await this.#parts.whereabouts.arrives({ secret: sid! }, isHere))) peer.refuse()
    else if (!peer.gone) this.#newest!.serve(text, peer, true)
  }

  #drop(error: unknown, peer: Peer): void {
    peer.answer(this.#answerTo(error))
  }

  /** The client of a request that is answered so repeats it. */
  #answerTo(error: unknown): Reply {
    if (!(error instanceof StoreUnavailable || error instanceof NoAnswer)) this.#parts.transport.report(error)
    return noAnswer
  }
}
