// What `import 'warm-bindings'` gives: the service within another process, such as that of a portal's tests.
import { loadConfig } from './config/load.js'
import { Counts } from './lib/counts.js'
import { startService as startWith } from './service.js'
import { createLogs } from './watching/logs.js'

/** Settings by the names of their environment variables. */
export type Settings = Readonly<Record<string, string | undefined>>

export interface StartOptions {
  /** Takes the lines of the log, a JSON object each; they go to standard output unless given. */
  readonly writeLog?: (line: string) => void
}

export interface RunningService {
  /** The first address that it listens at, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** All of them, those without TLS first. */
  readonly urls: readonly string[]
  /** Where its metrics are; undefined where METRICS_ADDRESS is `none`. */
  readonly metricsUrl: string | undefined
  /** Reads the certificates of TLS_CERT again, and opens the file of AUDIT_LOG again; connections stay open. */
  reload(): void
  /** Answers every open request, closes the streams, and resolves within ten seconds. */
  stop(): Promise<void>
}

/**
 * Starts the service with these settings alone: neither the environment nor `.env` is read. Rejects with an error named
 * `ConfigError`, whose message lists all that is wrong with them, or with the error of a port that is taken.
 */
export async function startService(
  settings: Settings,
  { writeLog }: StartOptions = {},
): Promise<RunningService> {
  const { config, warnings } = loadConfig({ ...settings })
  const counts = new Counts()
  const { log, audit } = createLogs({ config, counts, writeLine: writeLog })
  for (const warning of warnings) log.warn(warning)
  const { url, urls, metricsUrl, reload, stop } = await startWith({ config, log, audit, counts })
  return { url, urls, metricsUrl, reload, stop }
}
