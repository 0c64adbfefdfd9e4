#!/bin/sh
//usr/bin/env true; exec node -- "$0" "$@" # Without --, Node.js itself reads --env-file, and does not report why it cannot read the file.
import { CommandError, UsageError } from './command/command-error.js'
import { type Command, readCommandLine } from './command/command-line.js'
import { holdSignals } from './command/held-signals.js'

async function run(command: Command): Promise<void> {
  switch (command.name) {
    case 'serve': {
      const obey = holdSignals('SIGHUP', 'SIGUSR2')
      return (await import('./command/serve.js')).serve(obey, command.envFile)
    }
    case 'demo':
      return (await import('./command/serve.js')).serveDemo()
    case 'check-config':
      return (await import('./command/check-config.js')).checkConfig(command.envFile)
    case 'warm':
      return (await import('./command/trial/warm-trial.js')).tryWarm(command.jid!, command.envFile)
    case 'token':
      return (await import('./command/try-token.js')).tryToken(command.envFile)
    case 'hash-password':
      return (await import('./command/hash-password.js')).hashPassword()
    case 'help':
      return (await import('./command/help.js')).printHelp()
    case 'version':
      return (await import('./command/help.js')).printVersion()
  }
}

async function main(): Promise<void> {
  // Without a handler, SIGUSR1 makes Node.js open its debugger to all users of this machine.
  process.on('SIGUSR1', () => {})
  const command = readCommandLine(process.argv.slice(2))
  await run(command)
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
