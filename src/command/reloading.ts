import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { ConfigError } from '../config/load.js'
import type { Reloaded } from '../config/reload.js'
import type { LastReload } from '../watching/last-reload.js'
import type { SettingsAtHand } from './settings-at-hand.js'

interface Running {
  /** Opens AUDIT_LOG again. */
  reopen(): void
  /** Resolves with false if the certificates are unusable, or a worker failed. */
  reload(next: Config, reloaded: Reloaded): Promise<boolean>
}

/** Returns what SIGHUP does, which resolves with false if the reload failed. */
export function reloading(
  { reload }: Pick<SettingsAtHand, 'reload'>,
  running: Running,
  log: Logger,
  lastReload: LastReload,
): () => Promise<boolean> {
  const readAgain = () =>
    unlessInvalid(running, log, async () => {
      const reloaded = reload()
      const { config, changed, needRestart, warnings } = reloaded
      const isTaken = await running.reload(config, reloaded)
      log.level = config.logLevels.usual
      log.info({ changed, ...(needRestart.length > 0 && { needRestart }) }, 'the settings were read again')
      for (const warning of warnings) log.warn(warning)
      return isTaken
    })
  const again = async () => {
    let isDone = false
    try {
      isDone = await readAgain()
    } finally {
      lastReload.ended(isDone)
    }
    return isDone
  }
  let turn = Promise.resolve(true)
  return () => {
    turn = turn.then(again, again)
    return turn
  }
}

/** If settings are invalid, opens moved logs again and resolves with false. */
export async function unlessInvalid(
  running: Pick<Running, 'reopen'>,
  log: Logger,
  work: () => Promise<boolean>,
): Promise<boolean> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    running.reopen()
    log.error({ problems: error.problems }, 'the settings are invalid: nothing has changed')
    return false
  }
}
