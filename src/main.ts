#!/bin/sh
//usr/bin/env true; exec node -- "$0" "$@" # Without --, Node.js itself reads --env-file, and does not report why it cannot read the file.
import { CommandError, UsageError } from './command/command-error.js'
import { type Command, readCommandLine } from './command/command-line.js'
import { holdSignals } from './command/held-signals.js'

const commands: Readonly<Record<Command['name'], (command: Command) => Promise<void>>> = {
  serve: async ({ envFile }) => {
    const obey = holdSignals('SIGHUP', 'SIGUSR2')
    return (await import('./command/serve.js')).serve(obey, envFile)
  },
  demo: async () => (await import('./command/serve.js')).serveDemo(),
  'check-config': async ({ envFile }) => (await import('./command/check-config.js')).checkConfig(envFile),
  warm: async ({ jid, envFile }) => (await import('./command/trial/warm-trial.js')).tryWarm(jid!, envFile),
  token: async ({ envFile }) => (await import('./command/try-token.js')).tryToken(envFile),
  'hash-password': async () => (await import('./command/hash-password.js')).hashPassword(),
  help: async () => (await import('./command/help.js')).printHelp(),
  version: async () => (await import('./command/help.js')).printVersion(),
}

async function main(): Promise<void> {
  // Without a handler, SIGUSR1 makes Node.js open its debugger to all users of this machine.
  process.on('SIGUSR1', () => {})
  const command = readCommandLine(process.argv.slice(2))
  await commands[command.name](command)
  // `warm` may leave connections open.
  if (command.name !== 'serve' && command.name !== 'demo') process.exit()
}

main().catch(async (error: unknown) => {
  if (error instanceof UsageError) {
    const { usage } = await import('./command/help.js')
    process.stderr.write(`${error.message}\n\n${usage}`)
    process.exit(2)
  }
  process.stderr.write(`${error instanceof CommandError ? error.message : (error as Error).stack}\n`)
  process.exit(1)
})
