import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { ConfigError } from '../config/load.js'
import type { Reloaded } from '../config/reload.js'
import type { LastReload } from '../watching/last-reload.js'
import type { SettingsAtHand } from './settings-at-hand.js'

interface Running {
  reopen(): void
  /** Resolves with false if the certificates are unusable, or a worker failed. */
  reload(next: Config, reloaded: Reloaded): Promise<boolean>
}

/** Returns the handler of SIGHUP, which resolves with false if the reload failed. */
export function reloading(
  { reload }: Pick<SettingsAtHand, 'reload'>,
  running: Running,
  log: Logger,
  lastReload: LastReload,
): () => Promise<boolean> {
  const work = async () => {
    const reloaded = reload()
    const { config, changed, needRestart, warnings } = reloaded
    const isTaken = await running.reload(config, reloaded)
    log.level = config.logLevels.usual
    const about = { changed, ...(needRestart.length > 0 && { needRestart }) }
    if (isTaken) log.info(about, 'the settings were read again')
    else log.warn(about, 'only a part of the settings was read again: see the errors before this line')
    for (const warning of warnings) log.warn(warning)
    return isTaken
  }
  const again = () => unlessInvalid(running, log, work, isDone => lastReload.ended(isDone))
  let turn = Promise.resolve(true)
  return () => {
    turn = turn.then(again, again)
    return turn
  }
}

/** Resolves with false if the settings are invalid. */
export async function unlessInvalid(
  running: Pick<Running, 'reopen'>,
  log: Logger,
  work: () => Promise<boolean>,
  onEnd: (isDone: boolean) => void,
): Promise<boolean> {
  let isDone = false
  try {
    isDone = await work()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    running.reopen()
    log.error({ problems: error.problems }, 'the settings are invalid: nothing has changed')
  } finally {
    onEnd(isDone)
  }
  return isDone
}
