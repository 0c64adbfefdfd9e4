import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.js'
import { onceAMinute } from '../../lib/limits/throttle.js'
import { foreignText } from '../../lib/text/foreign-text.js'

/** `setting` decides about the refusal. */
export type NoteRefusal = (reason: string, address: string | undefined, setting?: string) => void

/** Each reason has a line in a minute. Further lines have the level `debug`. */
export function boshRefusals(clock: Clock, log: Logger): NoteRefusal {
  const isDue = onceAMinute<string>(clock)
  return (reason, address, setting) => {
    const about = { reason, address: address && foreignText(address), setting }
    log[isDue(reason) ? 'info' : 'debug'](about, 'a BOSH client was refused')
  }
}
