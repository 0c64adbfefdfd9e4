import type { Client } from './client.js'
import type { Inactivity } from './inactivity.js'
import type { Uplink } from './link/uplink.js'
import type { Outbox } from './outbox.js'
import type { SessionHistory } from './session-history.js'
import type { SessionDetails, SessionState, SessionView } from './session-types.js'
import type { State } from './state.js'

interface Viewed extends Pick<SessionView, 'id' | 'domain' | 'origin' | 'createdAt' | 'jid' | 'tab'> {
  readonly stage: { readonly name: State['name'] }
  readonly client: Client | undefined
  readonly inactivity: Inactivity
  readonly history: SessionHistory
}

export function stateOf({ stage, client, inactivity }: Viewed): SessionState {
  const { name } = stage
  if (name === 'ended' || name === 'opening') return name
  if (client?.isPresent === true) return 'held'
  if (name === 'waiting') return name
  return inactivity.isPaused ? 'paused' : 'quiet'
}

export function viewOf(session: Viewed): SessionView {
  const { id, domain, origin, createdAt, jid, client, inactivity, tab, history } = session
  const state = stateOf(session)
  const isAbsent = client !== undefined && !client.isPresent
  const isUnused = state === 'waiting' || (state === 'ended' && origin === 'warmed' && !history.hadPage)
  const transport = isUnused ? undefined : client?.transport
  const quietSince = isAbsent ? inactivity.since : undefined
  return { id, domain, origin, transport, createdAt, jid, state, quietSince, tab, openedBy: history.openedBy }
}

export function detailsOf(
  session: Viewed & { readonly uplink: Uplink; readonly outbox: Pick<Outbox, 'delivered' | 'length'> },
): SessionDetails {
  const { client, history, createdAt, uplink, outbox } = session
  const { browser } = history
  const isMending = uplink.managed?.isMending === true
  const past = history.eventsSince(createdAt)
  const counters = { delivered: outbox.delivered, waiting: outbox.length }
  const view = viewOf(session)
  const endsAt = view.quietSince === undefined || view.state === 'ended' ? undefined : session.inactivity.end
  return { ...view, address: client?.address, browser, isMending, endsAt, counters, history: past }
}
