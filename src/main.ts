#!/usr/bin/env node
import { CommandError } from './command/command-error.js'
import { type Command, readCommandLine } from './command/command-line.js'
import { mostDescriptors } from './session/descriptors.js'

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
      return (await import('./command/warm-trial.js')).tryWarm(command.jid)
    case 'hash-password':
      return (await import('./command/hash-password.js')).hashPassword()
    case 'help':
      return (await import('./command/help.js')).printHelp()
    case 'version':
      return (await import('./command/help.js')).printVersion()
  }
}

async function main(): Promise<void> {
  // Without a listener Node opens its debugger, to which any user of this machine can connect.
  process.on('SIGUSR1', () => {})
  const command = readCommandLine(process.argv.slice(2))
  await run(command)
  // Whatever a trial has left open, such as a pipe that nothing more is read from, ends with it.
  if (command.name !== 'serve' && command.name !== 'demo') process.exit()
}

/** Read at the start: at the limit there is no descriptor to read it by. */
const descriptors = mostDescriptors()

main().catch((error: unknown) => {
  process.stderr.write(`${sentenceOf(error)}\n`)
  process.exit(1)
})

function sentenceOf(error: unknown): string | undefined {
  if (error instanceof CommandError) return error.message
  const { code, stack } = error as NodeJS.ErrnoException
  // Node opens all files of a program at once.
  if (code === 'EMFILE')
    return `The program may open ${descriptors} files at a time, too few to start: raise the limit to 1024 or more (ulimit -n, or LimitNOFILE of systemd).`
  return stack
}
