// A service that an operator stops and starts again, with the same settings and at the same port.
import { randomBytes } from 'node:crypto'
import { type OperatedService, Operator } from './operated-service.js'
import { freePorts } from './ports.js'
import { callSessions } from './sessions-api.js'
import { bindingIn, type WarmBinding } from './start-service.js'

type Environment = Readonly<Record<string, string>>

export class RestartedService {
  readonly #operator = new Operator()
  readonly #environment: Environment
  #running!: OperatedService

  private constructor(
    readonly url: string,
    environment: Environment,
  ) {
    const { host, port } = new URL(url)
    this.#operator.write('keys', `${randomBytes(32).toString('base64')}\n`)
    this.#environment = {
      HOST: host.replace(`:${port}`, ''),
      PORT: port,
      ADMIN_USERS: 'admin:admin-secret',
      XMPP_DOMAINS: 'localhost',
      METRICS_ADDRESS: 'none',
      STATE_DIR: this.#operator.pathOf('state'),
      SEAL_KEY_FILE: this.#operator.pathOf('keys'),
      ...environment,
    }
  }

  static async of(environment: Environment): Promise<RestartedService> {
    const [port] = await freePorts(1)
    return new RestartedService(`http://127.0.0.1:${port}`, environment)
  }

  get process(): OperatedService {
    return this.#running
  }

  /** Resolves once it listens. Settings in `environment` win over the usual ones. */
  async start(environment: Environment = {}): Promise<void> {
    this.#running = this.#operator.start({ ...this.#environment, ...environment })
    await this.#running.url()
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#running.signal(signal)
    await this.#running.exit
  }

  async restart(environment?: Environment): Promise<void> {
    await this.stop()
    await this.start(environment)
  }

  async bind(parameters: object): Promise<WarmBinding> {
    return bindingIn(await callSessions(this.url, 'POST', '', { body: parameters }))
  }

  leave(): void {
    this.#operator.leave()
  }
}
