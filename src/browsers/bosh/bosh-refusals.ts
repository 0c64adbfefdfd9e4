import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.js'
import { onceAMinute } from '../../lib/limits/throttle.js'
import { foreignText } from '../../lib/text/foreign-text.js'

/** `setting` decides about the refusal. `subject`: an origin or domain. */
export type NoteRefusal = (reason: string, address: string | undefined, setting?: string, subject?: string) => void

/** Each reason has a line in a minute. Further lines have the level `debug`. */
export function boshRefusals(clock: Clock, log: Logger): NoteRefusal {
  const isDue = onceAMinute<string>(clock)
  return (reason, address, setting, subject) => {
    const about = {
      reason,
      address: address && foreignText(address),
      setting,
      subject: subject && foreignText(subject),
    }
    log[isDue(reason) ? 'info' : 'debug'](about, 'a BOSH client was refused')
  }
}
