import type { Session } from './session.js'

/** For each reason, how many sessions the next process cannot continue. Undefined if there are none. */
export function countLeftBehind(sessions: Iterable<Session>, areSetDown: boolean) {
  const reasons: Record<string, number> = {}
  let count = 0
  for (const session of sessions) {
    if (session.hasEnded) continue
    const reason = areSetDown ? reasonOf(session) : 'no-state-dir'
    reasons[reason] = (reasons[reason] ?? 0) + 1
    count += 1
  }
  return count === 0 ? undefined : { sessions: count, reasons }
}

function reasonOf({ stage, origin, uplink: { managed }, maySetDown }: Session): string {
  if (stage.name === 'opening') return 'login-under-way'
  if (origin === 'client') return 'login-by-client'
  if (managed?.isEnabling === true) return 'not-resumable-yet'
  if (managed?.isOn !== true) return 'no-stream-management'
  return maySetDown ? 'not-stored' : 'not-resumable'
}
