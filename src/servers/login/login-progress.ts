import type { Logger } from 'pino'
import type { Step } from '../../lib/errors.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import type { LoginWish } from './wish.js'

export interface ProgressParts {
  /** Has each step at level `debug`. */
  readonly log?: Logger | undefined
  /** Longest time for the whole login, in seconds. */
  readonly timeout: number
  /** Longest time for a single step of it, in seconds. */
  readonly stepTimeout: number
}

export type LoginProgress = ReturnType<typeof followLogin>

/** How far a login has come: tells the log, and calls back when the login or a step of it takes too long. */
export function followLogin(
  { log, timeout, stepTimeout }: ProgressParts,
  { requestId, jid }: LoginWish,
  onLate: () => void,
) {
  const isLogged = log?.isLevelEnabled('debug') === true
  const since = performance.now()
  const deadline = setTimeout(onLate, timeout * 1000)
  const stepDeadline = setTimeout(onLate, stepTimeout * 1000)
  let step: Step = 'connect'

  /** Tells the log something of the login; never of what is said in it. */
  function note(about: object): void {
    if (!isLogged) return
    const ms = Math.round(performance.now() - since)
    log.debug({ requestId, domain: withULabels(jid.domain), ...about, ms }, 'login')
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
    /** The login is over. */
    stop(): void {
      clearTimeout(deadline)
      clearTimeout(stepDeadline)
    },
  }
}
