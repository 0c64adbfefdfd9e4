import type { Logger } from 'pino'
import { traceOf } from '../../lib/log.js'
import type { Session } from '../session.js'
import type { SessionRecord } from '../session-record.js'
import type { Registry } from './registry.js'
import type { WrittenState } from './state-files.js'

export function* setDown(
  registry: Registry,
  onSetDown: (session: Pick<SessionRecord, 'id' | 'jid' | 'domain' | 'tab'>) => void = () => {},
): Iterable<string> {
  // During a pass, servers may make more sessions resumable.
  for (let isAny = true; isAny; ) {
    isAny = false
    for (const session of [...registry.all()]) {
      let record: SessionRecord | undefined
      session.run(() => {
        record = session.setDown()
      })
      if (record === undefined) continue
      const { id, jid, domain, tab } = record
      onSetDown({ id, jid, domain, tab })
      isAny = true
      yield JSON.stringify(record)
    }
  }
}

type Take = (record: SessionRecord) => boolean

/** `outage`: milliseconds. Returns false if the session ends. */
export function takeUp(text: string, outage: number, take: Take, report: (error: unknown) => void): boolean {
  try {
    const record = JSON.parse(text) as SessionRecord
    const { link, createdAt, isKept } = record
    // The outage counts for these two ages, but not for timeouts of pages, which could not connect.
    // A record of a live session may be much older than the death of its process, which broke the link.
    const since = isKept === true && link.since === 0 ? 0 : link.since - outage
    return take({ ...record, createdAt: createdAt - outage, link: { ...link, since } })
  } catch (error) {
    report(error)
    return false
  }
}

export const notContinued = (log: Logger) => (error: unknown) =>
  log.error(traceOf(error), 'a session could not be continued')

export function takeUpFile(state: WrittenState, take: Take, log: Logger): void {
  if (!state.take()) return
  const sum = { taken: 0, refused: 0 }
  let report = notContinued(log)
  const reportFirst = (error: unknown) => {
    report(error)
    report = () => {}
  }
  for (const text of state.records) sum[takeUp(text, state.outage, take, reportFirst) ? 'taken' : 'refused'] += 1
  log.info(sum, 'sessions of an earlier process were taken up')
  if (sum.refused > 0)
    log.warn(sum, 'some sessions end: their domains are not served, or their users cannot log in again')
}

export function countLeftBehind(sessions: Iterable<Session>, areSetDown: boolean) {
  const reasons: Record<string, number> = {}
  const left = [...sessions].filter(({ hasEnded }) => !hasEnded)
  for (const session of left) {
    const reason = areSetDown ? reasonOf(session) : 'no-state-dir'
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  return left.length === 0 ? undefined : { sessions: left.length, reasons }
}

function reasonOf({ stage, origin, uplink: { managed }, maySetDown }: Session): string {
  if (stage.name === 'opening') return 'login-under-way'
  if (origin === 'client') return 'login-by-client'
  if (managed?.isEnabling === true) return 'not-resumable-yet'
  if (managed?.isOn !== true) return 'no-stream-management'
  return maySetDown ? 'not-stored' : 'not-resumable'
}
