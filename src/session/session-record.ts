import type { CallIds } from '../lib/call-ids.js'
import type { TabName } from '../store/store.js'
import type { InactivityRecord } from './inactivity.js'
import type { LinkRecord } from './link/managed-link.js'
import type { OutboxRecord } from './outbox.js'
import type { HistoryRecord } from './session-history.js'
import type { TicketRecord } from './ticket.js'

/** Contains secrets. Times are milliseconds since the handover: earlier times are negative. */
export interface SessionRecord {
  readonly sid: string
  readonly id: string
  readonly domain: string
  /** A full JID. */
  readonly jid: string
  readonly isSecure: boolean | undefined
  readonly createdAt: number
  readonly tab?: TabName | undefined
  readonly ids?: CallIds | undefined
  readonly history?: HistoryRecord | undefined
  readonly wait: { readonly ticket: TicketRecord | undefined } | undefined
  readonly inactivity: InactivityRecord
  readonly outbox: OutboxRecord
  readonly link: LinkRecord
  /** Default: false. */
  readonly isLinkWatched?: boolean | undefined
  readonly client: unknown
}
