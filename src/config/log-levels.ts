import type { Report } from './settings.js'

/** The parts of the service that write to the log under their own name. */
export const logParts = ['bosh', 'warm', 'c2s', 'remote', 'http'] as const
export type LogPart = (typeof logParts)[number]

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** What is logged at least. */
export interface LogLevels {
  readonly usual: LogLevel
  /** By part, where that differs. */
  readonly parts: ReadonlyMap<LogPart, LogLevel>
}

const isLevel = (text: string): text is LogLevel => logLevels.some(level => level === text)
const isPart = (text: string): text is LogPart => logParts.some(part => part === text)

/** Reads `level`, `level,part=level,…` or `part=level,…`, which leaves all others at `info`. */
export function readLogLevels(text: string, report: Report): LogLevels | undefined {
  let usual: LogLevel | undefined
  const parts = new Map<LogPart, LogLevel>()
  for (const entry of text.toLowerCase().split(',')) {
    const [, part, level = ''] = /^(?:([^=]*)=)?(.*)$/.exec(entry.replaceAll(' ', ''))!
    if (!isLevel(level)) return report(`must be one of ${logLevels.join(', ')}, not ${JSON.stringify(level)}`)
    if (part === undefined && usual !== undefined) return report('has more than one level for all parts')
    if (part === undefined) usual = level
    else if (!isPart(part))
      return report(`knows no part ${JSON.stringify(part)}: there are ${logParts.join(', ')}`)
    else if (parts.has(part)) return report(`has ${part} twice`)
    else parts.set(part, level)
  }
  return { usual: usual ?? 'info', parts }
}
