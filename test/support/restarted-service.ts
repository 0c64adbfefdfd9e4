// A service that an operator stops and starts again, with the same settings and at the same port.
import { randomBytes } from 'node:crypto'
import { type OperatedService, Operator, usualSettings } from './operated-service.js'
import { freePorts } from './ports.js'
import { callSessions } from './sessions-api.js'
import { bindingIn } from './start-service.js'

type Environment = Readonly<Record<string, string>>

export type RestartedService = Awaited<ReturnType<typeof restartedService>>

export async function restartedService(environment: Environment) {
  const operator = new Operator()
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  operator.write('keys', `${randomBytes(32).toString('base64')}\n`)
  const files = { STATE_DIR: operator.pathOf('state'), SEAL_KEY_FILE: operator.pathOf('keys') }
  const usual = { ...usualSettings, HOST: '127.0.0.1', PORT: String(port), XMPP_DOMAINS: 'localhost', ...files }
  let running!: OperatedService
  const service = {
    url,
    get process() {
      return running
    },
    /** Resolves once it listens. Settings in `more` win over the usual ones. */
    async start(more: Environment = {}) {
      running = operator.start({ ...usual, ...environment, ...more })
      await running.url()
    },
    async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') {
      running.signal(signal)
      await running.exit
    },
    async restart(more?: Environment) {
      await service.stop()
      await service.start(more)
    },
    bind: async (body: object) => bindingIn(await callSessions(url, 'POST', '', { body })),
    leave: () => operator.leave(),
  }
  return service
}
