import type { Facts, Peer, Reply } from '../exchange.js'
import type { Clock } from '../lib/clock.js'
import type { Failure } from '../link.js'
import { boshNamespace } from '../namespaces.js'
import type { HandedOver, LoggedIn, Upstream } from '../session/sessions.js'
import { idOf } from '../session/sid.js'
import { DocumentReader } from '../xml/document.js'
import { defaultLimits } from '../xml/limits.js'
import type { EndpointReply } from './endpoint-reply.js'
import type { EndpointSession } from './endpoint-session.js'
import { RemoteFault } from './fault.js'
import type { HandedOverSessions } from './handed-over.js'

const requests = new DocumentReader(defaultLimits)

const contentType = 'text/xml; charset=utf-8'
const terminateBody = `<body type='terminate' condition='remote-connection-failed' xmlns='${boshNamespace}'/>`

export interface RemoteLoginParts {
  readonly domain: string
  /** Begins the session at the endpoint. */
  readonly begin: () => EndpointSession
  /** What is true of the way to the endpoint. */
  readonly link: NonNullable<Facts['link']>
  /** Where the session is remembered once it has been handed over. */
  readonly elsewhere: HandedOverSessions
  readonly clock: Clock
  /** Why no login goes on at the moment, if none does. */
  readonly refusal: () => Failure | undefined
}

/**
 * One login at a remote endpoint whose browser will talk to that endpoint itself: passes the login's requests on as they
 * are, one at a time.
 */
export class RemoteLogin implements Upstream {
  readonly #parts: RemoteLoginParts
  #session: EndpointSession | undefined

  constructor(parts: RemoteLoginParts) {
    this.#parts = parts
  }

  readonly exchange = async (body: string, peer: Peer): Promise<Reply> => {
    const { begin, refusal } = this.#parts
    const refused = refusal()
    // Before anything is begun, which nobody would end.
    if (refused !== undefined) return this.#failed(refused)
    const { root, children } = requests.read(body)
    this.#session ??= begin()
    const session = this.#session
    const creates = session.terms === undefined
    const isEmpty = !creates && children.length === 0 && root.attribute('xmpp:restart') === undefined
    peer.whenGone = this.abandon
    try {
      if (isEmpty) await session.untilMayAsk()
      const request = {
        rid: Number(root.attribute('rid')),
        body,
        isEmpty,
        wait: Number(root.attribute('wait') ?? 0),
      }
      return this.#passOn(
        await session.ask({ ...request, reached: creates ? peer.login?.reached : undefined }),
      )
    } catch (error) {
      if (!(error instanceof RemoteFault)) throw error
      return this.#failed(refusal() ?? error.failure)
    } finally {
      peer.whenGone = undefined
    }
  }

  /** The browser goes on at the endpoint. What came too early for it is lost: nobody but the endpoint could keep it. */
  readonly handOver = (id: string, { jid }: LoggedIn): HandedOver | undefined => {
    const { domain, elsewhere, clock } = this.#parts
    const session = this.#session
    const { endpoint, terms } = session ?? {}
    if (!session?.isLive || endpoint === undefined || terms === undefined) return undefined
    session.leave()
    elsewhere.add({ id, jid, domain, at: clock.now() }, session)
    return { url: endpoint.url, expiresIn: terms.inactivity }
  }

  readonly abandon = (): void => this.#session?.abandon()

  #passOn({ text, end }: EndpointReply): Reply {
    const facts = this.#facts()
    return {
      ...{ status: 200, body: text, contentType },
      facts: end === undefined ? facts : { ...facts, failure: end.failure },
    }
  }

  #failed(failure: Failure): Reply {
    const facts = this.#facts()
    // Once the session stands, how far a connection of its had come means nothing to whoever waits for the login.
    const seen = facts.id === undefined ? failure : { ...failure, step: 'features' as const }
    return { status: 200, body: terminateBody, contentType, facts: { ...facts, failure: seen } }
  }

  #facts(): Facts {
    const { link } = this.#parts
    const terms = this.#session?.terms
    return { link, ...(terms === undefined ? {} : { id: idOf(terms.sid) }) }
  }
}
