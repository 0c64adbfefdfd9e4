import { accessSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DestinationStream, Logger } from 'pino'
import type { Config } from '../config/config.js'
import { ConfigError } from '../config/load.js'
import { withFileMode } from '../http/listening/listen-at.js'
import type { Counts } from '../lib/counts.js'
import { codeOf, createLog, type LogFormat } from '../lib/log.js'
import { LineWriter } from '../lib/text/line-writer.js'
import { RecentAudit } from '../warm/numbers/recent-audit.js'

/** Records who called, logged in or ended a session, at any LOG_LEVEL. */
export interface AuditTrail {
  readonly log: Logger
  /** Filled even with AUDIT_LOG=off. */
  readonly recent: RecentAudit
  reopen(): void
}

interface LogsParts {
  readonly config: Pick<Config, 'logLevels' | 'logFormat' | 'auditLog'>
  readonly counts: Pick<Counts, 'linesLost'>
  readonly about?: object
  readonly writeLine?: ((line: string) => void) | undefined
}

export function createLogs({ config, counts, about = {}, writeLine }: LogsParts) {
  const { auditLog, logLevels, logFormat } = config
  const counting = (destination: Destination, stream: keyof Counts['linesLost']): DestinationStream => ({
    write(line) {
      let isLost = true
      try {
        isLost = destination.write(line, stream === 'audit') === false
      } finally {
        if (isLost) counts.linesLost[stream] += 1
      }
    },
  })
  const usual: Destination = writeLine === undefined ? standard('stdout', logFormat) : { write: writeLine }
  const log = createLog(logLevels.usual, counting(usual, 'log'), logFormat).child(about)
  const recent = new RecentAudit()
  const trailTo = (destination: Destination) =>
    createLog('info', counting(destination, 'audit'), logFormat, line => recent.add(line)).child({
      audit: true,
      ...about,
    })
  return { log, audit: createAudit() }

  function createAudit(): AuditTrail {
    if (auditLog === 'off') return { log: trailTo({ write() {} }), recent, reopen() {} }
    if (auditLog === 'stdout') return { log: trailTo(usual), recent, reopen() {} }
    if (auditLog === 'stderr') return { log: trailTo(standard('stderr', logFormat)), recent, reopen() {} }
    const { file } = auditLog
    const writer = new LineWriter(openAuditFile(file), {
      onLost: tellLost({ audit: true, ...about }, logFormat),
      onFailure: code =>
        log.error({ code, file }, 'the audit trail cannot be written: its lines wait, and are lost after 1 MiB'),
    })
    process.once('exit', () => writer.flush())
    return {
      log: trailTo(writer),
      recent,
      reopen() {
        try {
          writer.moveTo(openAuditFile(file))
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error
          log.error({ problems: error.problems }, staysAsItWas)
        }
      },
    }
  }
}

const staysAsItWas = 'AUDIT_LOG cannot be opened again: audit lines still go to the previous file'

interface Destination {
  write(line: string, isAudit: boolean): unknown
}

const standardWriters = new Map<'stdout' | 'stderr', LineWriter>()

function standard(name: 'stdout' | 'stderr', format: LogFormat): LineWriter {
  const opened = standardWriters.get(name)
  if (opened !== undefined) return opened
  // Reading `process[name]` makes Node.js set the pipe or socket to non-blocking.
  const { fd } = process[name]
  const writer = new LineWriter(fd, { onLost: tellLost({}, format) })
  process.once('exit', () => writer.flush())
  standardWriters.set(name, writer)
  return writer
}

const tellLost = (about: object, format: LogFormat) => (lost: number, writer: LineWriter) =>
  createLog('warn', writer, format)
    .child(about)
    .warn({ lost }, 'lines of the log were lost: its reader was too slow, or the disk was full')

function openAuditFile(file: string): number {
  try {
    // Without O_NONBLOCK, opening a pipe that has no reader would block.
    const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants
    // The UMask= of the systemd unit (0077) would reduce the mode. An existing file keeps its mode.
    return withFileMode(0o640, () => openSync(file, O_APPEND | O_CREAT | O_NONBLOCK | O_WRONLY))
  } catch (error) {
    throw new ConfigError([unopened(file, error)])
  }
}

/** Problems of AUDIT_LOG, for --check-config. Creates no file. */
export function unusableAuditFile({ auditLog }: Pick<Config, 'auditLog'>): string[] {
  if (typeof auditLog === 'string') return []
  const { file } = auditLog
  try {
    if (!existsSync(file)) accessSync(dirname(file), constants.W_OK | constants.X_OK)
    else {
      accessSync(file, constants.W_OK)
      if (statSync(file).isDirectory()) return [unopened(file, { code: 'EISDIR' })]
    }
    return []
  } catch (error) {
    return [unopened(file, error)]
  }
}

function unopened(file: string, error: unknown): string {
  return `AUDIT_LOG names ${file}, which cannot be written to (${codeOf(error)})`
}
