import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { ConfigError } from '../config/load.js'
import type { Reloaded } from '../config/reload.js'
import type { SettingsAtHand } from './settings-at-hand.js'

interface Running {
  /** Opens AUDIT_LOG again. */
  reopen(): void
  reload(next: Config, reloaded: Reloaded): unknown
}

/** SIGHUP. Resolves with false if the settings are invalid. */
export function reloading(
  { reload }: Pick<SettingsAtHand, 'reload'>,
  running: Running,
  log: Logger,
): () => Promise<boolean> {
  const again = () =>
    unlessInvalid(running, log, async () => {
      const reloaded = reload()
      const { config, changed, needRestart, warnings } = reloaded
      await running.reload(config, reloaded)
      log.level = config.logLevels.usual
      log.info({ changed, ...(needRestart.length > 0 && { needRestart }) }, 'the settings were read again')
      for (const warning of warnings) log.warn(warning)
    })
  let turn = Promise.resolve(true)
  return () => {
    turn = turn.then(again, again)
    return turn
  }
}

/** Invalid settings change nothing, but moved logs are opened again. */
export async function unlessInvalid(
  running: Pick<Running, 'reopen'>,
  log: Logger,
  work: () => Promise<void>,
): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    running.reopen()
    log.error({ problems: error.problems }, 'the settings are invalid: nothing has changed')
    return false
  }
}
