import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config/config.js'
import { remoteOf } from '../../config/serving.js'
import type { Session } from '../../session/session.js'

/** XEP-0198. */
export type StreamManagement = 'resumable' | 'not-resumable' | 'unanswered' | 'not-offered' | 'off'

const answerMilliseconds = 2_000

export async function managementIn({ uplink }: Session): Promise<StreamManagement> {
  const { managed } = uplink
  if (managed === undefined) return uplink.link.allowsManagement ? 'not-offered' : 'off'
  const deadline = performance.now() + answerMilliseconds
  while (managed.isEnabling && performance.now() < deadline) await sleep(20)
  if (managed.mayResume) return 'resumable'
  if (managed.isOn) return 'not-resumable'
  return managed.isEnabling ? 'unanswered' : 'not-offered'
}

const ends = 'Sessions end with their link, and at a restart.'

const texts: Readonly<Record<StreamManagement, string>> = {
  resumable: 'yes. Broken links are mended, and sessions survive a restart.',
  'not-resumable': `yes, but this stream cannot be resumed. ${ends} Logins by PLAIN and ANONYMOUS cannot be repeated. For other logins, allow resumption at the server.`,
  unanswered: `the server offers it, but did not answer within ${answerMilliseconds / 1000} s.`,
  'not-offered': `no. ${ends} Load the module smacks (Prosody) or mod_stream_mgmt (ejabberd).`,
  off: `off, by sm=off in XMPP_SERVERS. ${ends}`,
}

export function sayManagement(management: StreamManagement | undefined, domain: string, config: Config): string {
  if (remoteOf(config, domain) !== undefined) return `not over a BOSH endpoint. ${ends}`
  if (management === undefined) return 'unknown: the session ended at once.'
  if (management === 'not-resumable' && config.linkResumeTime === 0) return `yes, but LINK_RESUME_TIME is 0. ${ends}`
  if (management === 'resumable' && config.state === undefined)
    return 'yes. Broken links are mended. If you set STATE_DIR, sessions also survive a restart.'
  return texts[management]
}
