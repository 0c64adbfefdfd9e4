#!/usr/bin/env node
import { CommandError } from './command/command-error.js'
import { type Command, readCommandLine } from './command/command-line.js'
import { mostDescriptors } from './lib/limits/descriptors.js'

/** Each part is loaded on demand: help does not wait for the service, nor the service for the XMPP server of the demo. */
async function run(command: Command): Promise<void> {
  switch (command.name) {
    case 'serve':
      return (await import('./command/serve.js')).serve()
    case 'demo':
      return (await import('./command/serve-demo.js')).serveDemo()
    case 'check-config':
      return (await import('./command/check-config.js')).checkConfig()
    case 'warm':
      return (await import('./command/trial/warm-trial.js')).tryWarm(command.jid)
    case 'hash-password':
      return (await import('./command/hash-password.js')).hashPassword()
    case 'help':
      return (await import('./command/help.js')).printHelp()
    case 'version':
      return (await import('./command/help.js')).printVersion()
  }
}

/** Fewest descriptors for a start: Node 20 opens all files of a program at once, and each session needs one or two. */
const leastDescriptors = 128

/** Throws a `CommandError` if this process may have fewer descriptors. */
function requireDescriptors(): void {
  const most = mostDescriptors()
  if (most < leastDescriptors)
    throw new CommandError(
      `At most ${most} files may be open, and the service needs ${leastDescriptors} or more: raise the limit (ulimit -n, or LimitNOFILE of systemd).`,
    )
}

async function main(): Promise<void> {
  // Without a listener Node opens its debugger, to which any user of this machine can connect.
  process.on('SIGUSR1', () => {})
  const command = readCommandLine(process.argv.slice(2))
  if (['serve', 'demo', 'check-config', 'warm'].includes(command.name)) requireDescriptors()
  await run(command)
  // Whatever a trial has left open, such as a pipe that nothing more is read from, ends with it.
  if (command.name !== 'serve' && command.name !== 'demo') process.exit()
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof CommandError ? error.message : (error as Error).stack}\n`)
  process.exit(1)
})
