import { type DestinationStream, type Logger, pino } from 'pino'
import { shortLine } from './text/short-line.js'

export const logParts = ['bosh', 'websocket', 'warm', 'login', 'c2s', 'remote', 'events', 'nodes', 'http'] as const
export type LogPart = (typeof logParts)[number]

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LogLevels {
  readonly usual: LogLevel
  readonly parts: ReadonlyMap<LogPart, LogLevel>
}

/** Never throws. */
export function createLog(level: string, destination: DestinationStream): Logger {
  // A second defence: no code passes these values to the log.
  const secrets = ['password', 'credential', 'token', 'secret', 'sid', 'authorization', 'cookie']
  const options = {
    level,
    redact: { paths: secrets.flatMap(name => [name, `*.${name}`]), censor: '[secret]' },
  }
  return pino(options, {
    write(line) {
      try {
        destination.write(shortLine(line))
      } catch {
        // A fault of the log itself can be reported nowhere.
      }
    },
  })
}

export type LogFor = (part: LogPart) => Logger

export function logOf(log: Logger, part: LogPart, { parts }: LogLevels): Logger {
  const level = parts.get(part)
  return level === undefined ? log.child({ part }) : log.child({ part }, { level })
}

/** The code of an error, because its message may quote a secret. */
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
