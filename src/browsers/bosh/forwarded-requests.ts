import type { Peers } from '../../forwarding/peers.js'
import type { Place, Whereabouts } from '../../forwarding/whereabouts.js'
import type { UnfinishedBodies } from '../../http/bodies/unfinished-bodies.js'
import type { Clock } from '../../lib/clock.js'
import { StoreUnavailable } from '../../store/store.js'
import { readBodyHead } from './body.js'
import type { ConnectionManager } from './connection-manager.js'
import { busyAnswer, noAnswer, type Peer, type Reply } from './peer.js'

const mostTries = 4
const repeatMilliseconds = 300
const longText = 4096
const tooLargeKind = 'bosh-too-large'

export interface BoshService extends Pick<ConnectionManager, 'serve' | 'report'> {
  refuseTooLarge(head: string, peer: Pick<Peer, 'secure' | 'cookies'>): Reply | undefined | Promise<Reply | undefined>
}

interface TooLarge extends Pick<Peer, 'secure' | 'cookies'> {
  readonly start: string
}

interface ForwardedRequestsParts {
  readonly whereabouts: Whereabouts
  readonly clock: Clock
  readonly isDraining: () => boolean
  readonly bodies: UnfinishedBodies
}

export type ForwardedRequests = ReturnType<typeof createForwardedRequests>

/** BOSH services that also reach sessions of other processes. */
export function createForwardedRequests({ whereabouts, clock, isDraining, bodies }: ForwardedRequestsParts) {
  const peers: Peers = whereabouts.peers
  let newest: ConnectionManager | undefined
  peers.answer(tooLargeKind, ({ start, ...client }: TooLarge) => newest?.refuseTooLarge(start, client))

  /** Counts a long request as unfinished until it is answered, because the other process can be slow. */
  async function forwardCounted(text: string, sid: string, peer: Peer, manager: ConnectionManager): Promise<void> {
    if (text.length <= longText) return forward(text, sid, peer, manager)
    const room = bodies.ofMessage(peer.address)
    if (!room.resize(2 * text.length)) return peer.answer(busyAnswer)
    try {
      await forward(text, sid, peer, manager)
    } finally {
      room.resize(0)
    }
  }

  /** Tries again after a loss, because a session processes a repeated request once. */
  async function forward(text: string, sid: string, peer: Peer, manager: ConnectionManager): Promise<void> {
    const isHere = () => manager.has(sid)
    let place: Place = peers.ownerIn(sid)
    let lost: string | undefined
    for (let tries = 1; !peer.gone; tries++) {
      place ??= await whereabouts.find({ secret: sid }, isHere, lost)
      if (place === 'here') return manager.serve(text, peer, true)
      if (place === undefined) return manager.refuseUnknown(peer)
      const how = await peer.forward!(place.link, text)
      if (how === undefined) return
      if (how === 'unreachable' || tries === mostTries || whereabouts.isLeaving()) return peer.answer(noAnswer)
      if (how === 'gone') peers.noteGone(place.name)
      if (how !== 'broken') lost = place.name
      else if (tries > 1) await new Promise<void>(resolve => void clock.after(repeatMilliseconds, resolve))
      place = how === 'broken' ? peers.ownerNamed(place.name) : undefined
    }
  }

  async function create(text: string, peer: Peer, manager: ConnectionManager): Promise<void> {
    const asked = new Set<string>()
    for (;;) {
      const other = isDraining() ? peers.forNewSession(asked) : undefined
      if (other === undefined) return manager.serve(text, peer)
      const how = await peer.forward!(other.link, text)
      if (how === undefined) return
      if (how === 'broken' || how === 'silent') return peer.answer(noAnswer)
    }
  }

  return {
    over(manager: ConnectionManager): BoshService {
      newest = manager
      const orDropped = (work: Promise<void>, peer: Peer) =>
        void work.catch(error => {
          if (!(error instanceof StoreUnavailable)) manager.report(error)
          // The client repeats its request.
          peer.answer(noAnswer)
        })
      const serveOrRefuse = async (text: string, sid: string, peer: Peer) => {
        await whereabouts.whenSetDown()
        if (manager.has(sid) || (await whereabouts.takeUp({ secret: sid }))) manager.serve(text, peer, true)
        else peer.refuse!()
      }
      return {
        report: manager.report,
        serve(text, peer) {
          const { sid } = readBodyHead(text)
          const isForwarded = peer.isCarried === true
          if (sid === undefined && (isForwarded || !isDraining())) manager.serve(text, peer)
          else if (sid === undefined) orDropped(create(text, peer, manager), peer)
          else if (manager.has(sid)) manager.serve(text, peer)
          else orDropped(isForwarded ? serveOrRefuse(text, sid, peer) : forwardCounted(text, sid, peer, manager), peer)
        },
        refuseTooLarge(start, { secure, cookies }) {
          const { sid } = readBodyHead(start)
          const owner = sid === undefined || manager.has(sid) ? undefined : peers.ownerIn(sid)
          if (owner === undefined) return manager.refuseTooLarge(start, { secure, cookies })
          const question: TooLarge = { start, secure, cookies }
          return peers.ask(owner.name, tooLargeKind, question).then(
            reply => (reply ?? undefined) as Reply | undefined,
            () => noAnswer,
          )
        },
      }
    },
  }
}
