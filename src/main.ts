#!/usr/bin/env node
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { ConfigError, loadConfig } from './config/load.js'
import { Counts } from './counts.js'
import { isLoopback } from './http/secure-channel.js'
import { createLog, traceOf } from './log.js'
import { type Service, startService } from './service.js'

/** A reason not to start, in words for whoever types the command. */
class CannotStart extends Error {}

async function main(): Promise<void> {
  if (process.argv.includes('--check-config')) {
    checkConfig()
    return
  }
  if (process.argv.includes('--demo')) {
    // Loaded on demand: a service in earnest has no use for an XMPP server of its own.
    const { startDemo } = await import('./demo/demo.js')
    stopOnSignal(await explained(startDemo(process.env)))
    return
  }
  const { config, warnings } = readConfig()
  const log = createLog(config.logLevels.usual)
  for (const warning of warnings) log.warn(warning)
  const { listen, warm, assumeSecure } = config
  if (warm.enabled && listen.ports.length > 0 && !listen.hosts.every(isLoopback) && !assumeSecure) {
    log.warn(
      `${config.warmPath} answers 403 insecure-channel to whoever comes without TLS: HOST is not a loopback address and ` +
        'passwords would travel unencrypted. If a proxy in front of this service ends TLS, name it in TRUSTED_PROXIES or ' +
        'set ASSUME_SECURE=on.',
    )
  }
  // Whatever was not foreseen ends what it happened in. Nothing here shares state with it: the others go on.
  const counts = new Counts()
  const goOn = (error: unknown) => {
    counts.faults += 1
    log.error({ incident: randomUUID(), ...traceOf(error) }, 'something failed that was not foreseen')
  }
  process.on('uncaughtException', goOn)
  process.on('unhandledRejection', goOn)
  const service = await explained(startService({ config, log, counts }))
  // A terminal that closes sends it as well: whoever wants the service to end sends SIGTERM.
  process.on('SIGHUP', () => service.reload())
  const { url, urls, metricsUrl } = service
  log.info({ url, urls, metricsUrl, warm: config.warmPath, bosh: config.boshPath }, 'listening')
  stopOnSignal(service)
}

/** Says what is wrong with the settings, and ends with 1 if anything is; a name that is none of ours is wrong here. */
function checkConfig(): void {
  const { unknown, warnings } = readConfig()
  for (const warning of warnings) process.stderr.write(`${warning}\n`)
  if (unknown.length > 0) throw new CannotStart('The settings have names that mean nothing.')
  process.stdout.write('The settings are in order.\n')
}

function readConfig(): ReturnType<typeof loadConfig> {
  if (existsSync('.env')) process.loadEnvFile('.env')
  try {
    return loadConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const hint =
      'The settings are described in README.md and .env.example. To see the service at work without any: npm run demo'
    throw new CannotStart(`${error.message}\n${hint}`)
  }
}

/** Turns what an operator can mend into a sentence. */
async function explained<T>(starting: Promise<T>): Promise<T> {
  try {
    return await starting
  } catch (error) {
    if (error instanceof ConfigError) throw new CannotStart(error.message)
    const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
    const at = `port ${port ?? ''}`
    if (code === 'EADDRINUSE')
      throw new CannotStart(
        `Another program uses ${at}: stop it, or choose another one with PORT, HTTPS_PORT or METRICS_ADDRESS.`,
      )
    if (code === 'EACCES')
      throw new CannotStart(`This user may not listen on ${at}: set PORT and HTTPS_PORT to 1024 or above.`)
    if (code === 'EADDRNOTAVAIL')
      throw new CannotStart(`HOST has ${address}, which is not an address of this machine.`)
    throw error
  }
}

function stopOnSignal(service: Service): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals) => {
    // Whoever presses Ctrl+C twice does not want to wait.
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
