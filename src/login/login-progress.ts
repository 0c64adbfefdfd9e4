import type { Logger } from 'pino'
import type { Step } from '../errors.js'
import { withULabels } from '../jid/domains.js'
import type { LoginWish } from './wish.js'

export interface ProgressParts {
  /** Has each step at level `debug`. */
  readonly log?: Logger | undefined
  /** Longest time for the whole login, in seconds. */
  readonly timeout: number
  /** Longest time for a single step of it, in seconds. */
  readonly stepTimeout: number
}

/** How far a login has come: it tells the log, and when the login or a step of it takes too long. */
export class LoginProgress {
  step: Step = 'connect'
  readonly #log: Logger | undefined
  readonly #wish: LoginWish
  readonly #since = performance.now()
  readonly #deadline: NodeJS.Timeout
  readonly #stepDeadline: NodeJS.Timeout

  constructor({ log, timeout, stepTimeout }: ProgressParts, wish: LoginWish, onLate: () => void) {
    this.#log = log?.isLevelEnabled('debug') ? log : undefined
    this.#wish = wish
    this.#deadline = setTimeout(onLate, timeout * 1000)
    this.#stepDeadline = setTimeout(onLate, stepTimeout * 1000)
    this.note({ step: this.step })
  }

  reach(step: Step): void {
    if (step === this.step) return
    this.step = step
    this.#stepDeadline.refresh()
    this.note({ step })
  }

  /** Tells the log something of the login; never of what is said in it. */
  note(about: object): void {
    if (this.#log === undefined) return
    const { requestId, jid } = this.#wish
    const ms = Math.round(performance.now() - this.#since)
    this.#log.debug({ requestId, domain: withULabels(jid.domain), ...about, ms }, 'login')
  }

  /** The login is over. */
  stop(): void {
    clearTimeout(this.#deadline)
    clearTimeout(this.#stepDeadline)
  }
}
