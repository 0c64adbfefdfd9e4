import { type DestinationStream, type Logger, pino } from 'pino'

export const logParts = ['bosh', 'websocket', 'warm', 'c2s', 'remote', 'events', 'nodes', 'http'] as const
export type LogPart = (typeof logParts)[number]

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LogLevels {
  readonly usual: LogLevel
  /** By part, where that differs. */
  readonly parts: ReadonlyMap<LogPart, LogLevel>
}

/** Makes a log of JSON lines. It never throws: lines that cannot be written are lost. */
export function createLog(level: string, destination: DestinationStream): Logger {
  // None of these is ever passed to the log. Should one be by mistake, it is not written.
  const secrets = ['password', 'token', 'sid', 'authorization', 'cookie']
  const options = {
    level,
    redact: { paths: secrets.flatMap(name => [name, `*.${name}`]), censor: '[secret]' },
  }
  return pino(options, {
    write(line) {
      try {
        destination.write(line)
      } catch {
        // There is nowhere left to report it.
      }
    },
  })
}

/** Gives each part of the service its log. */
export type LogFor = (part: LogPart) => Logger

/** The log of one part of the service, at the level that is set for it. */
export function logOf(log: Logger, part: LogPart, { parts }: LogLevels): Logger {
  const level = parts.get(part)
  return level === undefined ? log.child({ part }) : log.child({ part }, { level })
}

/** What the log says of a cause: its code alone, since a message may quote what was sent. */
export function codeOf(cause: unknown): string | undefined {
  const { code } = (cause ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** An unforeseen error by its kind and the way it came. Its message stays out of the log: it may quote a password. */
export function traceOf(error: unknown): object {
  if (!(error instanceof Error)) return { error: typeof error }
  const way = error.stack?.match(/^ +at .*/gm)?.map(line => line.trim())
  return { error: error.name, code: codeOf(error), way }
}
