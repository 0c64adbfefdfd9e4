import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'
import { shortLine } from './text/short-line.js'

export const logParts = [
  'bosh',
  'websocket',
  'warm',
  'login',
  'c2s',
  'remote',
  'events',
  'nodes',
  'store',
  'http',
] as const
export type LogPart = (typeof logParts)[number]

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export const logFormats = ['json', 'json-iso', 'text'] as const
export type LogFormat = (typeof logFormats)[number]

export interface LogLevels {
  readonly usual: LogLevel
  readonly parts: ReadonlyMap<LogPart, LogLevel>
}

/** Never throws. `onLine` gets each line as JSON. */
export function createLog(
  level: string,
  destination: DestinationStream,
  format: LogFormat = 'json',
  onLine: (line: string) => void = () => {},
): Logger {
  // A second defence: no code should log these fields.
  const secrets = ['password', 'credential', 'token', 'secret', 'sid', 'authorization', 'cookie']
  const options = {
    level,
    ...(format !== 'json' && named),
    redact: { paths: secrets.flatMap(name => [name, `*.${name}`]), censor: '[secret]' },
  }
  return pino(options, {
    write(line) {
      try {
        const short = shortLine(line)
        onLine(short)
        destination.write(format === 'text' ? textLine(short) : short)
      } catch {
        // A fault of the log cannot be logged.
      }
    },
  })
}

const named = {
  timestamp: stdTimeFunctions.isoTime,
  formatters: { level: (level: string) => ({ level }) },
}

/** Writes `time level part: message field=value …`, and quotes ambiguous values. */
function textLine(line: string): string {
  const { time, level, part, msg, pid: _pid, hostname: _hostname, ...fields } = JSON.parse(line)
  const words = [time, String(level).padEnd(5), ...(part === undefined || part === msg ? [] : [`${part}:`]), msg]
  for (const [name, value] of Object.entries(fields)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    words.push(`${name}=${/^[\w.:/@+-]+$/.test(text) || typeof value !== 'string' ? text : JSON.stringify(text)}`)
  }
  return `${words.join(' ').replaceAll(invisible, escapedCharacter)}\n`
}

/**
 * `JSON.stringify` does not escape these characters. Terminals interpret C1 characters and the direction of text.
 * Viewers may break lines at U+2028 and U+2029. Names with characters of no width look like other names.
 */
const invisible = /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
const escapedCharacter = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

export type LogFor = (part: LogPart) => Logger

export function createPartLogs(log: Logger, first: LogLevels) {
  const made = new Map<LogPart, Logger>()
  let levels = first
  const levelOf = (part: LogPart) => levels.parts.get(part) ?? levels.usual
  return {
    logFor(part: LogPart): Logger {
      const own = made.get(part) ?? log.child({ part }, { level: levelOf(part) })
      made.set(part, own)
      return own
    },
    take(next: LogLevels): void {
      levels = next
      log.level = next.usual
      for (const [part, own] of made) own.level = levelOf(part)
    },
  }
}

export function codeOf(cause: unknown): string | undefined {
  const { code } = (cause ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** Omits the message, which may quote a secret. */
export function traceOf(error: unknown): object {
  if (!(error instanceof Error)) return { error: typeof error }
  const way = error.stack?.match(/^ +at .*/gm)?.map(line => line.trim())
  return { error: error.name, code: codeOf(error), way }
}
