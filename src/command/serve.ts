import { randomUUID } from 'node:crypto'
import { Counts } from '../counts.js'
import { createLog, traceOf } from '../log.js'
import { startService } from '../service.js'
import { readConfig } from './settings-at-hand.js'
import { untilSignal } from './until-signal.js'

/** Runs the service with the settings at hand. Throws a `CommandError` if it cannot start. */
export async function serve(): Promise<void> {
  const { config, warnings } = readConfig()
  const log = createLog(config.logLevels.usual)
  for (const warning of warnings) log.warn(warning)
  const counts = new Counts()
  // An unforeseen error ends only the task it happened in: sessions and calls share no state that it could have broken.
  const logFault = (error: unknown) => {
    counts.faults += 1
    log.error({ incident: randomUUID(), ...traceOf(error) }, 'something failed that was not foreseen')
  }
  process.on('uncaughtException', logFault)
  process.on('unhandledRejection', logFault)
  const service = await untilSignal(startService({ config, log, counts }))
  // A terminal that is closed sends SIGHUP too, and does not stop the service: SIGTERM does.
  process.on('SIGHUP', () => service.reload())
  const { url, urls, metricsUrl } = service
  log.info(
    { url, urls, metricsUrl, warm: config.warmPath, bosh: config.boshPath, websocket: config.websocketPath },
    'listening',
  )
}
