import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { version } from '../lib/package-json.js'

const documents = fileURLToPath(new URL('../../docs/', import.meta.url))

const help = `Logs your portal's users in to any XMPP server, and hands the ready sessions to their browsers.

  warm-bindings                  starts the service
  warm-bindings --check-config   says what is wrong with the settings, and starts nothing
  warm-bindings warm JID         tries to log a user in, as a call of the warm API would: says what the answer would be, or
                                 what is wrong and what to do; the user does not stay logged in
  warm-bindings hash-password    turns a secret into the hash that may stand in ADMIN_USERS in its place
  warm-bindings --demo           starts the service with a small XMPP server inside, and a page to try it on; no settings needed
  warm-bindings --version        prints the version
  warm-bindings --help           prints this

Passwords and secrets are asked for, or read from standard input: the first line of it. None belongs on the command line.
Settings are environment variables, or lines like NAME=value in the file .env of the working directory.
Signals: SIGTERM and SIGINT (Ctrl+C) stop the service, SIGHUP makes it read its certificates again.
The exit code is 1 if something is wrong.
`

export function printHelp(): void {
  process.stdout.write(help)
  // Present in a clone and a package, not in a container image.
  if (existsSync(documents))
    process.stdout.write(`Documents: ${documents}production.md, settings.md, errors.md\n`)
}

export function printVersion(): void {
  process.stdout.write(`${version}\n`)
}
