import { randomUUID } from 'node:crypto'
import type { Counts, EndReason, WebSocketCut } from '../lib/counts.js'
import type { MinuteSums } from '../lib/limits/minute-sums.js'
import { type LogFor, traceOf } from '../lib/log.js'
import { foreignText } from '../lib/text/foreign-text.js'
import { withULabels } from '../xmpp/jid/domains.js'
import type { Session } from './session.js'
import type { Transport } from './session-types.js'

export type SessionLog = ReturnType<typeof sessionLog>

/** Each session has its lines in the log of its transport. */
export function sessionLog(logFor: LogFor, sums: MinuteSums, counts: Counts) {
  const bosh = logFor('bosh')
  const webSocket = logFor('websocket')
  const isWarningDue = sums.firsts()
  const often = sums.lines()
  const addLoss = sums.of<{ sessions: number; stanzas: number }>(lost =>
    logFor('c2s').warn(lost, 'sessions without their XMPP server ended before pages fetched what waited: it is lost'),
  )
  const logOf = (transport: Transport | undefined) => (transport === 'websocket' ? webSocket : bosh)
  const aboutSession = ({ id, client }: Session) => {
    const { transport, address } = client ?? {}
    const about = { session: id, transport, address: address && foreignText(address) }
    return { about, log: logOf(transport) }
  }

  const debug = (session: Session, what: string, more: object) => {
    const { about, log } = aboutSession(session)
    log.debug({ ...about, ...more }, what)
  }

  return {
    report(error: unknown, transport: Transport = 'bosh', session?: string): void {
      counts.faults += 1
      const what = session === undefined ? 'a request failed' : 'a session failed'
      logOf(transport).error({ incident: randomUUID(), session, ...traceOf(error) }, what)
    },
    created(session: Session): void {
      const { domain, origin } = session
      const kind = origin === 'warmed' ? 'login' : 'browser'
      debug(session, 'session created', { domain: withULabels(domain), kind })
    },
    pageLost: (session: Session, reason: WebSocketCut) => debug(session, 'a page lost its WebSocket', { reason }),
    ended: (session: Session, reason: EndReason) => debug(session, 'session ended', { reason }),
    /** Nobody can return these stanzas, because the link is lost. */
    lost(stanzas: number): void {
      addLoss('', (sum = { sessions: 0, stanzas: 0 }) => ({
        sessions: sum.sessions + 1,
        stanzas: sum.stanzas + stanzas,
      }))
    },
    dropped(session: Session): void {
      counts.unfitStanzas.dropped += 1
      if (!isWarningDue('dropped')) return
      const { about, log } = aboutSession(session)
      const line = { ...about, domain: withULabels(session.domain), fate: 'dropped' }
      log.warn(line, 'a stanza of an XMPP server was dropped: it is larger than 4 MiB, or broken')
    },
    noticed(session: Session, what: string): void {
      const { about, log } = aboutSession(session)
      often(what, log, about, what)
    },
    unanswered({ id, domain, client }: Session): void {
      if (!isWarningDue('unanswered')) return
      const line = { session: id, domain: withULabels(domain) }
      logOf(client?.transport).warn(line, 'an XMPP server does not answer: its links are mended, or their sessions end')
    },
  }
}
