import { Problem } from '../lib/errors.js'
import type { LinkEnd, LinkEvents } from '../xmpp/link.js'
import { type Client, type NextPage, noClient } from './client.js'
import type { Session } from './session.js'
import type { Handover, OpenLogin, OpenWish } from './session-types.js'

export type MakePageClient = (session: Session, wish: OpenWish, handover: Handover) => ReturnType<NextPage['make']>

/** Makes the session's client for a warm login. `events` gets the link's events until `handOver` or `abandon`. */
export function openingOf(session: Session, wish: OpenWish, makeClient: MakePageClient, events: LinkEvents) {
  const { phase } = session.keeper.common.registry
  let login: LinkEvents | undefined = events
  let end: LinkEnd = { failure: { step: 'features', code: 'remote-connection-failed' } }

  const linkEvents: LinkEvents = {
    get step() {
      return login?.step
    },
    onStep: step => login?.onStep?.(step),
    onAhead: () => login?.onAhead?.(),
    onOpen: header => login?.onOpen?.(header),
    onElement(element) {
      session.downlink.countRefusedLogin(element)
      login?.onElement(element)
    },
    onDropped(dropped, isStanza) {
      session.downlink.onDropped()
      login?.onDropped?.(dropped, isStanza)
    },
    onFlush: () => login?.onFlush?.(),
    onDrain: () => login?.onDrain?.(),
    onEnd(last) {
      end = last
      session.downlink.onEnd(last)
    },
  }

  const client: Client = {
    ...noClient,
    loginFor: wish.jid,
    isPresent: true,
    reportEnd({ reason }) {
      if (reason === 'shutdown')
        end = { failure: { step: 'features', code: 'shutting-down', condition: 'system-shutdown' } }
      return true
    },
    close(notice) {
      if (notice === 'end') end = { failure: { step: 'features', code: 'session-not-found' } }
      if (notice === 'fault' && end.failure.code !== 'internal-error')
        end = { failure: { step: 'connect', code: 'internal-error' } }
      const told = login
      login = undefined
      told?.onEnd(end)
    },
  }

  const openLogin: OpenLogin = {
    id: session.id,
    get link() {
      return session.link
    },
    async handOver(jid, undelivered, handover, management) {
      if (session.hasEnded) return undefined
      // Without `<enabled/>` in the login, the server's answer may come after the stop.
      const isTooLate = phase.has('stopping') && typeof management?.enabled !== 'object'
      // The session could not move to the next process, where the login can be repeated.
      if (isTooLate || phase.has('setting-down')) throw new Problem('shutting-down', { step: 'bind' })
      const { client, binding } = makeClient(session, wish, handover)
      login = undefined
      session.link.events = session.downlink
      const token = session.loggedIn(jid, undelivered, client, handover, management)
      return { ...binding, token }
    },
    abandon() {
      login = undefined
      session.end('unclaimed', 'silent')
    },
  }
  return { client, linkEvents, openLogin }
}
