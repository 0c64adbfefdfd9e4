import { tmpdir } from 'node:os'
import { inspect } from 'node:util'
import { ConfigError } from '../config/load.js'
import { forbiddenPortProblem } from '../http/listening/listen-problems.js'
import { traceOf } from '../lib/log.js'
import type { Service } from '../service/service.js'
import { CommandError } from './command-error.js'
import { holdSignals } from './held-signals.js'

type Running = Pick<Service, 'drain' | 'stop'>

/** Turns errors that the operator can correct into a `CommandError`. */
export async function explained<T>(start: () => T | Promise<T>): Promise<T> {
  try {
    return await start()
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message)
    const { code, port, syscall } = error as NodeJS.ErrnoException & { port?: number }
    if (syscall === 'mkdtemp')
      throw new CommandError(`The service cannot create a folder in ${tmpdir()} (${code}): change TMPDIR.`)
    if (code === 'EADDRINUSE')
      throw new CommandError(
        `Another program, or another address in the settings, uses port ${port}: stop the program, or choose another port with PORT, HTTPS_PORT or METRICS_ADDRESS.`,
      )
    if (code === 'EACCES') throw new CommandError(`The service cannot start: ${forbiddenPortProblem(port)}.`)
    throw error
  }
}

export async function end(running: Running, isDrainedFirst: boolean): Promise<void> {
  try {
    if (isDrainedFirst) await running.drain()
    await running.stop()
    process.exit(0)
  } catch (error) {
    process.stderr.write(`The service does not stop in good order: ${inspect(traceOf(error))}\n`)
    process.exit(1)
  }
}

const hold = () => holdSignals('SIGTERM', 'SIGINT')
let held: ReturnType<typeof hold> | undefined

export function holdStops(): void {
  held ??= hold()
}

export function endOnSignal(running: Running, onStop = () => {}): void {
  let stage: 'running' | 'draining' | 'stopping' = 'running'
  const onSignal = (signal: 'SIGTERM' | 'SIGINT') => {
    // A second Ctrl+C does not wait for open requests.
    if (stage === 'stopping' && signal === 'SIGINT') process.exit(130)
    if (stage === 'stopping') return
    // A second signal ends the drain.
    const isDrainedFirst = stage === 'running' && signal === 'SIGTERM'
    if (stage === 'running') onStop()
    stage = isDrainedFirst ? 'draining' : 'stopping'
    void end(running, isDrainedFirst)
  }
  const obey = held ?? hold()
  obey({ SIGTERM: () => onSignal('SIGTERM'), SIGINT: () => onSignal('SIGINT') })
}
