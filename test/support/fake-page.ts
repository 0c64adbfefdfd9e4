// A page without a browser, for the modules for pages: Strophe and Converse as far as the modules use them.
import { jest } from '@jest/globals'

// This project has no types of browsers.
export const { Chat } = jest.requireActual<{
  readonly Chat: new (options: object) => { start(): void; close(): void }
}>('../../src/packages/browser/chat.js')
export const { connect } = jest.requireActual<{ connect(options: object): Promise<object> }>(
  '../../src/packages/browser/connect.js',
)
export const { connectConverse } = jest.requireActual<{ connectConverse(options: object): Promise<void> }>(
  '../../src/packages/browser/converse.js',
)

export interface PageStatus {
  readonly state: string
  readonly code?: string
  readonly retryIn?: number
}

/** Statuses of Strophe. */
export const Status = { connected: 5, disconnected: 6, attached: 8 } as const

export class FakeConnection {
  /** Names of methods that were called. */
  readonly calls: string[] = []
  readonly domain = 'localhost'
  service: string
  jid = ''
  xmlInput = (_element: object) => {}
  #follow = (_status: number, _condition?: string) => {}

  constructor(service: string) {
    this.service = service
  }

  connect(_jid: string, _password: string, follow: (status: number) => void): void {
    this.calls.push('connect')
    this.#follow = follow
  }

  attach(_jid: string, sid: string, rid: number, follow: (status: number) => void): void {
    this.calls.push(`attach ${sid} ${rid}`)
    this.#follow = follow
  }

  reset(): void {
    this.calls.push('reset')
  }

  disconnect(): void {
    this.calls.push('disconnect')
    this.becomes(Status.disconnected)
  }

  send(): void {}
  sendIQ(): void {}
  flush(): void {}
  addHandler(): void {}
  addProtocolErrorHandler(): void {}
  onConnectStatusChanged(): void {}

  becomes(status: number): void {
    this.#follow(status)
  }

  /** An element of the server arrives. */
  receives(localName: string): void {
    this.xmlInput({
      localName,
      children: [],
      getAttribute: () => null,
      getElementsByTagName: () => [],
      append() {},
      replaceChildren() {},
    })
  }
}

class FakeBuilder {
  c() {
    return this
  }
  t() {
    return this
  }
  up() {
    return this
  }
  tree() {
    return {}
  }
}

/** Strophe for `connect`, and `globalThis.converse` for `connectConverse`. */
export class FakePage {
  /** In the order in which they were created. */
  readonly connections: FakeConnection[] = []
  readonly Strophe: object
  #stored = new Map<string, unknown>()

  constructor() {
    const { connections } = this
    class Connection extends FakeConnection {
      constructor(service: string) {
        super(service)
        connections.push(this)
      }
    }
    this.Strophe = { Connection, Builder: FakeBuilder }
    const document = Object.assign(new EventTarget(), {
      baseURI: 'https://www.example.org/',
      visibilityState: 'visible',
    })
    const page = new EventTarget()
    this.#set({
      document,
      addEventListener: page.addEventListener.bind(page),
      navigator: { onLine: true },
      sessionStorage: {},
      converse: this.#converse(Connection),
    })
  }

  get last(): FakeConnection {
    return this.connections.at(-1)!
  }

  close(): void {
    this.#set(Object.fromEntries(this.#stored))
  }

  #set(values: object): void {
    for (const [name, value] of Object.entries(values)) {
      this.#stored.set(name, Reflect.get(globalThis, name))
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
    }
  }

  #converse(Connection: new (service: string) => FakeConnection): object {
    const heard = new Map<string, (...given: unknown[]) => unknown>()
    const settings: Record<string, string> = {}
    const model = { set() {}, save() {} }
    let connection: FakeConnection | undefined
    const user = {
      async login() {
        connection = new Connection(settings['websocket_url'] || settings['bosh_service_url']!)
        heard.get('login')!(undefined, {})
      },
      async logout() {
        connection?.disconnect()
      },
    }
    const _converse = {
      api: {
        connection: { get: () => connection, reconnect: () => heard.get('will-log-in')!() },
        listen: { on: (name: string, act: () => unknown) => void heard.set(name, act) },
        settings: { extend() {}, set: (values: object) => void Object.assign(settings, values) },
        user,
      },
      exports: {},
      state: { connfeedback: model, session: model },
    }
    // Converse logs in again after a lost connection.
    heard.set('will-log-in', () => void user.login())
    return {
      plugins: { add: (_name: string, plugin: { initialize(): void }) => plugin.initialize.call({ _converse }) },
      initialize: async () => void heard.get('initialized')!(),
    }
  }
}
