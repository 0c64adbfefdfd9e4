// A server with the service before it, for tests of logins: nothing may be left of them.
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import type { XmppServer } from './servers.js'
import { User } from './user.js'
import { connectionsOf, isIdle } from './wire.js'

export class Place<S extends XmppServer = XmppServer> {
  private constructor(
    readonly server: S,
    readonly warmer: TestService,
  ) {}

  static async open<S extends XmppServer>(
    starting: Promise<S>,
    options = '',
    environment: Readonly<Record<string, string>> = {},
    port?: number,
  ): Promise<Place<S>> {
    const servers = ({ c2sPort, caFile }: S) => `localhost=xmpp://127.0.0.1:${port ?? c2sPort}?ca=${caFile}${options}`
    return Place.at(starting, servers, environment)
  }

  /** `servers` is XMPP_SERVERS. */
  static async at<S extends XmppServer>(
    starting: Promise<S>,
    servers: (server: S) => string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Place<S>> {
    const server = await starting
    try {
      return new Place(server, await startTestService({ servers: servers(server), environment }))
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  async use(parameters: Readonly<Record<string, string>>): Promise<string> {
    const binding = await this.warmer.bind(parameters)
    await this.talk(binding)
    return binding.jid
  }

  /** The user of the session sends a message to itself, and leaves. */
  async talk(binding: WarmBinding): Promise<void> {
    const user = User.attach(binding.url, binding)
    try {
      user.say(user.jid, 'to myself')
      expect(await user.receives('to myself')).toContain(user.jid)
    } finally {
      await user.leave()
    }
  }

  async refusal(parameters: Readonly<Record<string, string>>): Promise<unknown[]> {
    const { status, json } = await this.warmer.warm(parameters)
    return [status, json['code'], json['step']]
  }

  async isLeft(): Promise<void> {
    await eventually('no session and no link left', () => isIdle(this.warmer))
    await eventually('no connection left at the server', () => connectionsOf(this.server.c2sPort) === 0)
  }

  async close(): Promise<void> {
    await this.warmer.stop()
    await this.server.stop()
  }
}

export function describePlace<S extends XmppServer>(
  name: string,
  packages: readonly string[],
  open: () => Promise<Place<S>>,
  tests: (place: () => Place<S>) => void,
): void {
  describeWith(packages, name, () => {
    let place: Place<S> | undefined
    beforeAll(async () => {
      place = await open()
    })
    afterEach(() => place?.isLeft())
    afterAll(() => place?.close())
    tests(() => place!)
  })
}
