import type { Logger } from 'pino'
import type { MinuteSums } from '../../lib/limits/minute-sums.js'
import { refusalLog } from '../../lib/limits/refusal-log.js'
import { type ClientRules, clientAddress, type Received } from './client-rules.js'

/** Logs a request that reaches no endpoint. `setting` decides about the refusal. */
export type NoteRequest = (request: Received, reason: string, setting?: string) => void

export function refusedRequests(sums: MinuteSums, log: Logger, rules: ClientRules): NoteRequest {
  const note = refusalLog(sums, log, 'an HTTP request was refused')
  return (request, reason, setting) => note(reason, clientAddress(request, rules), setting)
}
