// Programs of this repository as they are typed, and what they print before they say how to stop them.
import { ensureBuilt } from '../support/operated-service.js'
import { root } from '../support/repository.js'
import { inFolder, startServerProcess } from '../support/server-process.js'

export type RunningCommand = Awaited<ReturnType<typeof startCommand>>

/** Starts a Node program on a free port and resolves once it has said where it is. */
export function startCommand(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  ensureBuilt()
  return inFolder('warm-command-', async (folder, remove) => {
    const running = await startServerProcess({
      ...{ name: 'command', command: [process.execPath, ...args], folder, cwd: root },
      environment: { ...process.env, PORT: '0', ...environment },
      isReady: printed => printed.includes('Ctrl+C'),
    })
    const introduction = running.log()
    return {
      /** What it had printed until then. */
      introduction,
      url: /http:\/\/127\.0\.0\.1:\d+/.exec(introduction)?.[0] ?? '',
      /** Ends it as Ctrl+C does, and resolves with its exit code. May be called twice. */
      async stop() {
        const code = await running.end('SIGINT')
        await remove()
        return code
      },
    }
  })
}
