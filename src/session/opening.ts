import type { LinkEnd, LinkEvents } from '../xmpp/link.js'
import type { Client, Successor } from './client.js'
import type { Session } from './session.js'
import type { Handover, Opening, OpenWish } from './sessions.js'

/** Makes the client of a session that has been logged in, and what its page goes on with. It is the transport's. */
export type Attach = (session: Session, wish: OpenWish, handover: Handover) => Successor

/**
 * A session while a login of this process goes on: its client until it is handed out, what hears the link in the meantime,
 * and what the login has of it.
 */
export function openingOf(session: Session, wish: OpenWish, attach: Attach, events: LinkEvents) {
  /** Undefined once the login has given up, has been told of the end, or is done. */
  let login: LinkEvents | undefined = events
  let end: LinkEnd = { failure: { step: 'features', code: 'remote-connection-failed' } }

  const hearing: LinkEvents = {
    onStep: step => login?.onStep?.(step),
    onAhead: () => login?.onAhead?.(),
    onOpen: header => login?.onOpen(header),
    onElement(element) {
      session.heardInLogin(element)
      login?.onElement(element)
    },
    onUnfit: fate => session.onUnfit(fate),
    onFlush: () => login?.onFlush(),
    onDrain: () => login?.onDrain(),
    onEnd(last) {
      end = last
      session.onEnd(last)
    },
  }

  const client: Client = {
    transport: undefined,
    loginFor: wish.jid,
    address: undefined,
    isPresent: true,
    deadline: Number.POSITIVE_INFINITY,
    onOpen() {},
    tick() {},
    flush() {
      const { outcome } = session
      if (outcome === undefined) return
      if (outcome.reason === 'shutdown')
        end = { failure: { step: 'features', code: 'shutting-down', condition: 'system-shutdown' } }
      session.abandon(outcome.reason)
    },
    dismiss() {
      end = { failure: { step: 'features', code: 'session-not-found' } }
    },
    giveBack() {},
    close() {
      const told = login
      login = undefined
      told?.onEnd(end)
    },
    fail() {
      // An error that the link has caught is its own end.
      if (end.failure.code !== 'internal-error')
        end = { failure: { step: 'connect', code: 'internal-error' } }
      this.close()
    },
    release: () => undefined,
  }

  const opening: Opening = {
    id: session.id,
    get link() {
      return session.link
    },
    async handOut(jid, undelivered, handover) {
      if (!session.isLive) return undefined
      const successor = attach(session, wish, handover)
      login = undefined
      session.link.events = session
      const token = session.handOut(successor.client, jid, undelivered, handover)
      return { ...successor.handedOut, token }
    },
    abandon() {
      login = undefined
      session.guard(() => session.abandon('unclaimed'))
    },
  }
  return { client, hearing, opening }
}
