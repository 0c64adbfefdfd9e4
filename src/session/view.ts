import type { SessionState, StoredSession } from '../store/store.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { Session } from './session.js'
import type { SessionDetails } from './session-types.js'

export function stateOf({ stage, client, inactivity }: Session): SessionState {
  const { name } = stage
  if (name === 'ended' || name === 'opening') return name
  if (client?.isPresent === true) return 'held'
  if (name === 'waiting') return name
  return inactivity.isPaused ? 'paused' : 'quiet'
}

export function viewOf(session: Session, process = ''): StoredSession {
  const { id, domain, origin, createdAt, jid, client, inactivity, tab, history } = session
  const state = stateOf(session)
  const isAbsent = client !== undefined && !client.isPresent
  const isUnused = state === 'waiting' || (state === 'ended' && origin === 'warmed' && !history.hadPage)
  return {
    id,
    process,
    domain,
    jid,
    user: jid && userOf(jid),
    origin,
    admin: history.openedBy?.admin,
    isPage: history.openedBy?.isPage === true,
    tab,
    openedAt: Math.round(createdAt),
    state,
    transport: isUnused ? undefined : client?.transport,
    quietSince: isAbsent ? Math.round(inactivity.since) : undefined,
  }
}

export function detailsOf({ view, client, history, inactivity, uplink, outbox }: Session): SessionDetails {
  return {
    ...view,
    clientAddress: client?.address,
    browser: history.browser,
    isMending: uplink.managed?.isMending === true,
    endsAt: view.quietSince === undefined || view.state === 'ended' ? undefined : inactivity.end,
    counters: { delivered: outbox.delivered, waiting: outbox.length },
    history: history.eventsSince(view.openedAt),
  }
}
