import type { UnfinishedBodies } from '../http/bodies/unfinished-bodies.js'
import type { CommonParts } from '../session/session-keeper.js'
import type { SessionLog } from '../session/session-log.js'

/** What BOSH and WebSocket need before a request or a message belongs to a session. */
export interface TransportParts extends Pick<CommonParts, 'clock' | 'counts' | 'maxStanzaBytes' | 'refused'> {
  readonly bodies: UnfinishedBodies
  readonly report: SessionLog['report']
}
