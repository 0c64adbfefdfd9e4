#!/usr/bin/env node
import { randomUUID } from 'node:crypto'
import { readEnvFile } from './config/env-file.js'
import { ConfigError, loadConfig } from './config/load.js'
import { Counts } from './counts.js'
import { unusablePlaces } from './http/places.js'
import { createLog, traceOf } from './log.js'
import { type Service, startService } from './service.js'

/** A reason not to start, in words for the operator who typed the command. */
class CannotStart extends Error {}

const options = ['--check-config', '--demo']

async function main(): Promise<void> {
  // A misspelt --check-config must not start the service.
  const unknown = process.argv.slice(2).filter(word => !options.includes(word))
  if (unknown.length > 0)
    throw new CannotStart(`${unknown.join(' ')} means nothing here: there are ${options.join(' and ')}.`)
  if (process.argv.includes('--check-config')) return checkConfig()
  if (process.argv.includes('--demo')) {
    // Loaded on demand: only the demo needs an XMPP server of its own.
    const { startDemo } = await import('./demo/demo.js')
    return stopOnSignal(await explained(startDemo(process.env)))
  }
  const { config, warnings } = readConfig()
  const log = createLog(config.logLevels.usual)
  for (const warning of warnings) log.warn(warning)
  const counts = new Counts()
  // An unforeseen error ends only the task it happened in: sessions and calls share no state that it could have broken.
  const logFault = (error: unknown) => {
    counts.faults += 1
    log.error({ incident: randomUUID(), ...traceOf(error) }, 'something failed that was not foreseen')
  }
  process.on('uncaughtException', logFault)
  process.on('unhandledRejection', logFault)
  const service = await explained(startService({ config, log, counts }))
  // A terminal that is closed sends SIGHUP too, and does not stop the service: SIGTERM does.
  process.on('SIGHUP', () => service.reload())
  const { url, urls, metricsUrl } = service
  log.info(
    { url, urls, metricsUrl, warm: config.warmPath, bosh: config.boshPath, websocket: config.websocketPath },
    'listening',
  )
  stopOnSignal(service)
}

/** Prints what is wrong with the settings and exits with 1 if anything is, an unknown name included. */
async function checkConfig(): Promise<void> {
  const { config, unknown, warnings } = readConfig()
  for (const warning of warnings) process.stderr.write(`${warning}\n`)
  const unusable = await unusablePlaces(config)
  if (unusable.length > 0) throw new CannotStart(new ConfigError(unusable).message)
  if (unknown.length > 0) throw new CannotStart('The settings have names that mean nothing.')
  process.stdout.write('The settings are in order.\n')
}

function readConfig(): ReturnType<typeof loadConfig> {
  try {
    for (const [name, value] of Object.entries(readEnvFile('.env'))) process.env[name] ??= value
    return loadConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const hint =
      'The settings are described in docs/settings.md and .env.example. To see the service at work without any: npm run demo'
    throw new CannotStart(`${error.message}\n${hint}`)
  }
}

/** Turns errors that an operator can mend into sentences. */
async function explained<T>(starting: Promise<T>): Promise<T> {
  try {
    return await starting
  } catch (error) {
    if (error instanceof ConfigError) throw new CannotStart(error.message)
    const { code, port } = error as NodeJS.ErrnoException & { port?: number }
    const at = `port ${port ?? ''}`
    if (code === 'EADDRINUSE')
      throw new CannotStart(
        `Another program uses ${at}: stop it, or choose another one with PORT, HTTPS_PORT or METRICS_ADDRESS.`,
      )
    if (code === 'EACCES')
      throw new CannotStart(`This user may not listen on ${at}: set PORT and HTTPS_PORT to 1024 or above.`)
    throw error
  }
}

function stopOnSignal(service: Service): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals) => {
    // Ctrl+C a second time does not wait for open requests.
    if (stopping && signal === 'SIGINT') process.exit(130)
    if (stopping) return
    stopping = true
    service.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof CannotStart ? error.message : (error as Error).stack}\n`)
  process.exit(1)
})
