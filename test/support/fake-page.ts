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

/** What a portal's route answers to a page. */
export const pageBinding = {
  jid: 'alice@localhost/1',
  sid: 's1',
  rid: 5,
  url: 'https://chat.example.org/http-bind',
  websocket: { url: 'https://chat.example.org/xmpp-websocket/warm', token: 't' },
} as const

/** Statuses of Strophe. */
export const Status = { connected: 5, disconnected: 6, attached: 8 } as const

export class FakeConnection {
  /** Names of methods that were called. */
  readonly calls: string[] = []
  readonly domain = 'localhost'
  service: string
  jid = ''
  /** Names of the elements that were sent. */
  readonly sent: string[] = []
  nextValidRid = (_rid: number) => {}
  #rid = 0
  xmlInput = (_element: object) => {}
  #iqs: { readonly onResult: (answer: object) => void; readonly onError: (error: null) => void }[] = []
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
    this.#rid = rid
    this.#follow = follow
  }

  reset(): void {
    this.calls.push('reset')
  }

  disconnect(): void {
    this.calls.push('disconnect')
    this.becomes(Status.disconnected)
  }

  send({ name }: { readonly name: string }): void {
    this.sent.push(name)
  }

  sendIQ(_iq: object, onResult: (answer: object) => void, onError: (error: null) => void): void {
    this.#iqs.push({ onResult, onError })
  }

  flush(): void {}
  addHandler(): void {}
  addProtocolErrorHandler(): void {}
  onConnectStatusChanged(): void {}

  becomes(status: number): void {
    this.#follow(status)
  }

  /** An element of the server arrives. */
  receives(localName: string, ...children: readonly object[]): void {
    if (localName === 'body') this.nextValidRid(++this.#rid)
    this.xmlInput(elementOf(localName, children))
  }

  /** The service tells the state of its link, over BOSH or WebSocket. */
  isTold(state: string, isInBody: boolean): void {
    const notice = {
      ...elementOf('link'),
      namespaceURI: 'urn:warm-bindings:link:0',
      getAttribute: (name: string) => (name === 'state' ? state : null),
    }
    if (isInBody) this.receives('body', notice)
    else this.xmlInput(notice)
  }

  /** The server answers all open requests. */
  answers(): void {
    for (const { onResult } of this.#iqs.splice(0)) onResult(elementOf('iq'))
  }

  /** Strophe gives up all open requests. */
  timesOut(): void {
    for (const { onError } of this.#iqs.splice(0)) onError(null)
  }
}

function elementOf(localName: string, children: readonly object[] = []) {
  return {
    localName,
    children: [...children],
    getAttribute: (): string | null => null,
    getElementsByTagName: () => [],
    append(...more: object[]) {
      this.children.push(...more)
    },
    replaceChildren() {
      this.children = []
    },
  }
}

class FakeBuilder {
  constructor(readonly name: string) {}
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
    return { name: this.name }
  }
}

class FakeMessage {
  readonly name = 'message'
  readonly localName = 'message'

  constructor(readonly id: string) {}

  getAttribute(name: string): string | null {
    return { id: this.id, type: 'chat', to: 'bob@localhost' }[name] ?? null
  }

  getElementsByTagName(): readonly object[] {
    return [{ textContent: 'Hello' }]
  }
}

class FakeSerializer {
  serializeToString({ id }: FakeMessage): string {
    return id
  }
}

class FakeParser {
  parseFromString(id: string) {
    return { documentElement: new FakeMessage(id) }
  }
}

/** Strophe for `connect`, and `globalThis.converse` for `connectConverse`. */
export class FakePage {
  /** In the order in which they were created. */
  readonly connections: FakeConnection[] = []
  readonly Strophe: object
  /** Converse tells its plugins of an event. */
  hears = (_event: string): void => {}
  /** The user of Converse sends a chat message. */
  say = (_id: string): void => {}
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
      XMLSerializer: FakeSerializer,
      DOMParser: FakeParser,
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
    const model = { get() {}, set() {}, save() {} }
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
        send: (stanza: { readonly name: string }) => connection?.send(stanza),
        settings: { extend() {}, set: (values: object) => void Object.assign(settings, values) },
        user,
      },
      env: { $build: (name: string) => new FakeBuilder(name) },
      exports: {},
      state: { connfeedback: model, session: model },
    }
    // Converse logs in again after a lost connection.
    heard.set('will-log-in', () => void user.login())
    this.hears = event => void heard.get(event)?.()
    this.say = id => void _converse.api.send(new FakeMessage(id))
    return {
      plugins: { add: (_name: string, plugin: { initialize(): void }) => plugin.initialize.call({ _converse }) },
      initialize: async () => void heard.get('initialized')!(),
    }
  }
}
