import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { version } from '../lib/package-json.js'

const documents = fileURLToPath(new URL('../../docs/', import.meta.url))

export const usage = `  warm-bindings                  starts the service
  warm-bindings --check-config   lists faults of the settings, and starts nothing
  warm-bindings warm JID         logs the user in and out, to test the settings; prints what POST /warm would answer,
                                 or the fault and what to do
  warm-bindings token            prints what POST /connect would do with a page token, or why it is refused
  warm-bindings hash-password    prints the hash of a secret, for ADMIN_USERS
  warm-bindings --demo           starts the service with a small XMPP server and a page; needs no settings
  --env-file FILE                reads settings from this file instead of .env, for the first four commands
  warm-bindings --version        prints the version
  warm-bindings --help           prints this text
`

const help = `Logs your portal's users in to any XMPP server, and hands the ready sessions to their browsers.

${usage}
Never pass secrets as arguments. They are prompted for, or read from the first line of standard input.
Settings are environment variables, or lines NAME=value of the file .env in the working directory, or of --env-file.
Signals: SIGTERM and SIGINT (Ctrl+C) stop the service. SIGHUP reads the settings again, and opens AUDIT_LOG again.
SIGUSR2 replaces the workers, one after the other.
The exit code is 1 after an error, and 2 after a mistake in the command line.
`

export function printHelp(): void {
  process.stdout.write(help)
  if (existsSync(documents)) process.stdout.write(`Documents: ${documents}production.md, settings.md, errors.md\n`)
}

export function printVersion(): void {
  process.stdout.write(`${version}\n`)
}
