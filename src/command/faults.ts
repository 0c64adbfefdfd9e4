import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Counts } from '../lib/counts.js'
import { traceOf } from '../lib/log.js'

/** The process continues: sessions and calls share no state that an error could break. */
export function outliveFaults(log: Logger, counts: Pick<Counts, 'faults'>): void {
  const logFault = (error: unknown) => {
    counts.faults += 1
    log.error({ incident: randomUUID(), ...traceOf(error) }, 'an unexpected error occurred')
  }
  process.on('uncaughtException', logFault)
  process.on('unhandledRejection', logFault)
}
