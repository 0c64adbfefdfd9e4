import type { Logger } from 'pino'
import type { Step } from '../../lib/errors.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import type { LoginRequest } from './login-request.js'

/** Times are in seconds. */
export interface ProgressParts {
  readonly log?: Logger | undefined
  readonly timeout: number
  readonly stepTimeout: number
}

export type LoginProgress = ReturnType<typeof followLogin>

export function followLogin(
  { log, timeout, stepTimeout }: ProgressParts,
  { ids, jid }: LoginRequest,
  onLate: () => void,
) {
  const isLogged = log?.isLevelEnabled('debug') === true
  const since = performance.now()
  const deadline = setTimeout(onLate, timeout * 1000)
  const stepDeadline = setTimeout(onLate, stepTimeout * 1000)
  let step: Step = 'connect'

  function note(about: object): void {
    if (!isLogged) return
    const ms = Math.round(performance.now() - since)
    log.debug({ ...ids, domain: withULabels(jid.domain), ...about, ms }, 'login')
  }

  note({ step })
  return {
    note,
    get step() {
      return step
    },
    reach(next: Step): void {
      if (next === step) return
      step = next
      stepDeadline.refresh()
      note({ step })
    },
    stop(): void {
      clearTimeout(deadline)
      clearTimeout(stepDeadline)
    },
  }
}
