import type { SessionView } from './sessions.js'

/** How long a session must have had no request before it may be given to another page, in milliseconds. */
const quietMilliseconds = 5_000

/** The sessions without a page, the last used first: its page is the most likely to come back. */
export function unusedAmong(views: readonly SessionView[], now: number): SessionView[] {
  return views
    .filter(
      ({ state, quietSince }) =>
        (state === 'quiet' || state === 'paused' || state === 'waiting') &&
        quietSince !== undefined &&
        now - quietSince >= quietMilliseconds,
    )
    .sort((a, b) => b.quietSince! - a.quietSince!)
}

/** Of a user's sessions those that have this JID: all for a bare JID, one for a full JID. */
export function withJid(views: readonly SessionView[], jid: string): readonly SessionView[] {
  const slash = jid.indexOf('/')
  if (slash < 0) return views
  const resource = jid.slice(slash + 1)
  return views.filter(
    view => view.jid !== undefined && view.jid.slice(view.jid.indexOf('/') + 1) === resource,
  )
}
