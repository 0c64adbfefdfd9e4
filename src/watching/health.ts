import type { RequestListener } from 'node:http'
import type { NoteRequest } from '../http/access/refused-requests.js'
import { answerInText, sendText } from '../http/answers/node-answers.js'
import { sessionLimits } from '../lib/counts.js'
import type { Phase } from '../lib/phase.js'
import type { SessionLimits } from '../session/limits/session-limits.js'

interface Health {
  readonly phase: Phase
  readonly limits: Pick<SessionLimits, 'refusal'>
  readonly registry: { readonly size: number }
}

/** Why the process accepts no sessions. */
export function faultOf({ phase, limits, registry }: Health): string | undefined {
  if (!phase.isServing) return phase.has('draining') ? 'stopping' : 'starting'
  const refusal = limits.refusal(registry.size)
  return refusal && `${sessionLimits[refusal]} is reached`
}

/** What is amiss with a process that accepts sessions. */
export function noticeOf(store: { readonly isUp: boolean } | undefined): string | undefined {
  return store?.isUp === false ? 'the store that the processes share is away' : undefined
}

/** `fault` returns why the process accepts no sessions, `notice` what is amiss with a process that accepts them. */
export function createHealthListeners(
  fault: () => string | undefined,
  notice: () => string | undefined,
  note: NoteRequest,
): ReadonlyMap<string, RequestListener> {
  const ready: RequestListener = (_req, res) => {
    const [reason, remark] = [fault(), notice()]
    if (reason !== undefined) sendText(res, 503, `not ready: ${reason}`)
    else sendText(res, 200, remark === undefined ? 'ok' : `ok, but ${remark}`)
  }
  return new Map([
    ['/healthz', reading((_req, res) => sendText(res, 200, 'ok'), note)],
    ['/readyz', reading(ready, note)],
  ])
}

export function reading(answer: RequestListener, note: NoteRequest): RequestListener {
  return (req, res) => {
    if (req.method === 'GET' || req.method === 'HEAD') return answer(req, res)
    note(req, 'method')
    answerInText(res, 405, 'Allowed: GET, HEAD.', ['Allow', 'GET, HEAD'])
  }
}
