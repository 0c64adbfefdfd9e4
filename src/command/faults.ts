import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { traceOf } from '../lib/log.js'

/**
 * Logs what was not foreseen, and goes on: an unforeseen error ends only the task it happened in, since sessions and calls
 * share no state that it could have broken.
 */
export function outliveFaults(log: Logger, count: () => void = () => {}): void {
  const logFault = (error: unknown) => {
    count()
    log.error({ incident: randomUUID(), ...traceOf(error) }, 'something failed that was not foreseen')
  }
  process.on('uncaughtException', logFault)
  process.on('unhandledRejection', logFault)
}
