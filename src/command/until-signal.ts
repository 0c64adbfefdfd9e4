import { ConfigError } from '../config/load.js'
import type { Service } from '../service.js'
import { CommandError } from './command-error.js'

/** Waits for a service to start, and stops it on SIGTERM or SIGINT. Throws a `CommandError` for what an operator can mend. */
export async function untilSignal(starting: Promise<Service>): Promise<Service> {
  const service = await explained(starting)
  stopOnSignal(service)
  return service
}

async function explained<T>(starting: Promise<T>): Promise<T> {
  try {
    return await starting
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message)
    const { code, port } = error as NodeJS.ErrnoException & { port?: number }
    const at = `port ${port ?? ''}`
    if (code === 'EADDRINUSE')
      throw new CommandError(
        `Another program uses ${at}: stop it, or choose another one with PORT, HTTPS_PORT or METRICS_ADDRESS.`,
      )
    if (code === 'EACCES')
      throw new CommandError(`This user may not listen on ${at}: set PORT and HTTPS_PORT to 1024 or above.`)
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
