import { existsSync } from 'node:fs'
import type { Config } from './config/config.js'
import { ConfigError, loadConfig } from './config/load.js'
import { isLoopback } from './http/secure-channel.js'
import { createLog } from './log.js'
import { type Service, startService } from './service.js'

/** A reason not to start, in words for whoever types the command. */
class CannotStart extends Error {}

async function main(): Promise<void> {
  if (process.argv.includes('--demo')) {
    // Loaded on demand: a service in earnest has no use for an XMPP server of its own.
    const { startDemo } = await import('./demo/demo.js')
    stopOnSignal(await explained(startDemo(process.env)))
    return
  }
  const { config, warnings } = readConfig()
  const log = createLog(config.logLevel)
  for (const warning of warnings) log.warn(warning)
  if (!isLoopback(config.host) && !config.assumeSecure) {
    log.warn(
      `${config.warmPath} answers 403 insecure-channel: HOST is not a loopback address and passwords would travel ` +
        'unencrypted. Set ASSUME_SECURE=on if a proxy in front of this service ends TLS.',
    )
  }
  const service = await explained(startService({ config, log }), config)
  log.info({ url: service.url, warm: config.warmPath, bosh: config.boshPath }, 'listening')
  stopOnSignal(service)
}

function readConfig(): { config: Config; warnings: string[] } {
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
async function explained<T>(starting: Promise<T>, config?: Config): Promise<T> {
  try {
    return await starting
  } catch (error) {
    if (error instanceof ConfigError) throw new CannotStart(error.message)
    const { code, port } = error as NodeJS.ErrnoException & { port?: number }
    const at = `port ${port ?? config?.port ?? ''}`
    if (code === 'EADDRINUSE')
      throw new CannotStart(`Another program uses ${at}: stop it or set PORT to another one.`)
    if (code === 'EACCES')
      throw new CannotStart(`This user may not listen on ${at}: set PORT to 1024 or above.`)
    if (code === 'EADDRNOTAVAIL') throw new CannotStart('HOST is not an address of this machine.')
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
