import type { Clock } from '../../lib/clock.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { nodeForNewSession } from '../../processes/exchanges/ask-all.js'
import { nodeIn } from '../../processes/node-name.js'
import type { Nodes } from '../../processes/nodes.js'
import { readBodyHead } from './body.js'
import { type CarriedHead, CarriedPeer, CarriedRequest, requestKind } from './carried-request.js'
import type { ConnectionManager } from './connection-manager.js'
import { noAnswer, type Peer, type Reply } from './peer.js'

const tooLargeKind = 'bosh-too-large'

const longText = 4096

export interface BoshService extends Pick<ConnectionManager, 'serve' | 'report'> {
  refuseTooLarge(head: string, peer: Pick<Peer, 'secure' | 'cookies'>): Reply | undefined | Promise<Reply | undefined>
}

interface TooLarge extends Pick<Peer, 'secure' | 'cookies'> {
  readonly start: string
}

export type CarriedRequests = ReturnType<typeof createCarriedRequests>

export function createCarriedRequests(nodes: Nodes, clock: Clock, isDraining: () => boolean, refused: OnRefused) {
  const managers = new Map<string, ConnectionManager>()
  const underWay = new KeyCounts()
  const sent = new Set<CarriedRequest>()
  let mustHurry = false
  const isHurried = () => mustHurry
  const anyManager = (): ConnectionManager | undefined => [...managers.values()].at(-1)

  nodes.accept(requestKind, ({ head, body }, exchange) => {
    const about = head as CarriedHead
    const peer = new CarriedPeer(about, exchange)
    const manager = managers.get(about.site) ?? (about.isNew === true ? undefined : anyManager())
    const text = body.toString()
    const isOfSession = about.isNew !== true
    const isUnknown = () => isOfSession && manager?.has(readBodyHead(text).sid) === false
    if (manager === undefined) exchange.cancel()
    else if (nodes.isLeaving && isUnknown()) exchange.cancel()
    // Clients can invent sids, so a long text with a sid is parsed only if its session exists.
    else if (text.length > longText && isUnknown()) manager.refuseUnknown(peer)
    else manager.serve(text, peer, isOfSession)
    return peer
  })
  nodes.answer(tooLargeKind, ({ start, ...client }: TooLarge) => anyManager()?.refuseTooLarge(start, client))

  const isHere = (name: string): boolean => {
    const owner = nodes.owner(name)
    return owner === undefined ? !nodes.isAwaited(name) : owner === nodes.self
  }

  return {
    /** Makes other processes answer held requests before this process stops. */
    hurry(): void {
      mustHurry = true
      for (const request of sent) request.hurry()
    },
    get areUnderWay() {
      return sent.size > 0
    },
    keep(sites: ReadonlySet<string>): void {
      for (const site of managers.keys()) if (!sites.has(site)) managers.delete(site)
    },
    /** Returns a service that also reaches sessions in other processes. */
    over(site: string, manager: ConnectionManager): BoshService {
      managers.delete(site)
      managers.set(site, manager)
      // A session may already be here before this process adopts the name in its sid.
      const serves = (name: string, sid: string | undefined) => isHere(name) || manager.has(sid)
      return {
        report: manager.report,
        serve(text, peer) {
          const { sid } = readBodyHead(text)
          const isNew = sid === undefined
          const name = isNew ? undefined : (nodeIn(sid) ?? '')
          const otherNode = isNew && isDraining() ? nodeForNewSession(nodes) : undefined
          const isOurs = name === undefined ? otherNode === undefined : serves(name, sid)
          if (isOurs) manager.serve(text, peer)
          else {
            const { address, secure, cookies, browser } = peer
            const secureUrl = isNew ? peer.secureUrl : undefined
            const head: CarriedHead = { site, address, secure, cookies, browser, secureUrl, ...(isNew && { isNew }) }
            const about = { nodes, clock, refused, underWay, sent, isHurried, name, manager, peer, head }
            new CarriedRequest(about, text).begin(otherNode)
          }
        },
        refuseTooLarge(start, { secure, cookies }) {
          const { sid } = readBodyHead(start)
          const name = sid === undefined ? undefined : (nodeIn(sid) ?? '')
          if (name === undefined || serves(name, sid)) return manager.refuseTooLarge(start, { secure, cookies })
          const node = nodes.owner(name)
          if (node === undefined) return noAnswer
          const question: TooLarge = { start, secure, cookies }
          return nodes.ask(node, tooLargeKind, question).then(
            reply => reply as Reply | undefined,
            () => noAnswer,
          )
        },
      }
    },
  }
}
