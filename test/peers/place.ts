// A server with the service before it, and a network between them, for tests of logins: nothing may be left of them.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { overStarttls, type XmppServer } from './servers.js'
import { User } from './user.js'

interface PlaceOptions<S extends XmppServer> {
  /** Of the server, in XMPP_SERVERS. */
  readonly options?: string
  readonly environment?: Readonly<Record<string, string>>
  /** XMPP_SERVERS with this port; the default is STARTTLS. */
  readonly servers?: (server: S, port: number) => string
}

export class Place<S extends XmppServer = XmppServer> {
  private constructor(
    readonly server: S,
    readonly warmer: TestService,
    readonly relay: Relay,
  ) {}

  static async open<S extends XmppServer>(starting: Promise<S>, about: PlaceOptions<S> = {}): Promise<Place<S>> {
    const { options = '', environment = {}, servers = overStarttls } = about
    const server = await starting
    const relay = await startRelay(`http://127.0.0.1:${server.c2sPort}`)
    try {
      const at = servers(server, relay.port) + options
      return new Place(server, await startTestService({ servers: at, environment }), relay)
    } catch (error) {
      await relay.stop()
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
    await eventually('no session and no link left', this.warmer.isIdle)
    await eventually('no connection left at the server', () => connectionsOf(this.server.c2sPort) === 0)
  }

  async close(): Promise<void> {
    await this.warmer.stop()
    await this.relay.stop()
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

/** TCP connections that the port of 127.0.0.1 has on its side, those on their way out included; Linux only. */
function connectionsOf(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const finished = new Set(['06', '0A'])
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, address, , state = '']) => address === local && !finished.has(state)).length
}
