import type { Logger } from 'pino'
import { foreignText } from '../text/foreign-text.js'
import type { MinuteSums } from './minute-sums.js'

const settingOf: Readonly<Record<string, string>> = {
  'host-gone': 'XMPP_RETIRED_DOMAINS',
  'host-unknown': 'XMPP_DOMAINS',
}

/** `reason` is one of a few texts. `setting` decides about the refusal. `subject`: an origin, a host or a subprotocol. */
export type NoteRefusal = (reason: string, address: string | undefined, setting?: string, subject?: string) => void

/** Each reason has a line in a minute. Further lines have the level `debug`. */
export function refusalLog(sums: MinuteSums, log: Logger, sentence: string): NoteRefusal {
  const isDue = sums.firsts()
  return (reason, address, setting = settingOf[reason], subject) => {
    const about = {
      reason,
      address: address && foreignText(address),
      setting,
      subject: subject && foreignText(subject),
    }
    log[isDue(reason) ? 'info' : 'debug'](about, sentence)
  }
}
