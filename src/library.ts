// Runs the service within another process, such as tests of a portal.
import { loadConfig } from './config/load.js'
import { Counts } from './lib/counts.js'
import { startService as startWith } from './service/service.js'
import { createLogs } from './watching/logs.js'

export type Settings = Readonly<Record<string, string | undefined>>

export interface StartOptions {
  /** Gets the lines of the log, and of AUDIT_LOG=stdout, in LOG_FORMAT. Default: standard output. */
  readonly writeLog?: (line: string) => void
}

export interface RunningService {
  /** The first address, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** All addresses, http first. */
  readonly urls: readonly string[]
  readonly metricsUrl: string | undefined
  /**
   * Reads TLS certificates and the keys of page tokens again, and reopens AUDIT_LOG. Open connections stay, also those
   * of clients whose CA was removed.
   */
  reload(): Promise<void>
  /** Answers open requests, closes streams, and resolves within 10 s, plus the time to store sessions (STATE_DIR). */
  stop(): Promise<void>
}

/** Ignores the environment and `.env`. Rejects with a `ConfigError` of all problems, or an error if a port is taken. */
export async function startService(settings: Settings, { writeLog }: StartOptions = {}): Promise<RunningService> {
  const { config, warnings } = loadConfig(settings)
  const counts = new Counts()
  const { log, audit } = createLogs({ config, counts, writeLine: writeLog })
  for (const warning of warnings) log.warn(warning)
  const { url, urls, metricsUrl, reload, stop } = await startWith({ config, log, audit, counts })
  return { url, urls, metricsUrl, reload: async () => void (await reload()), stop }
}
