// A page without a browser, for the modules for pages: Strophe and Converse as far as the modules use them.
import { jest } from '@jest/globals'
import { FakeBuilder, type FakeElement, fakeElement, fakeXml } from './fake-chat.js'

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

  send(given: FakeElement | FakeBuilder): void {
    this.sent.push((given instanceof FakeBuilder ? given.tree() : given).localName)
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
  receives(localName: string, ...children: readonly FakeElement[]): void {
    if (localName === 'body') this.nextValidRid(++this.#rid)
    this.xmlInput(fakeElement(localName, { xmlns: '' }, ...children))
  }

  /** The reply to a request arrives. Returns the names of the stanzas that Strophe passes to its handlers. */
  receivesReply(rid: number, stanza: FakeElement, type?: string): string[] {
    const body = fakeElement('body', { xmlns: '', ...(type !== undefined && { type }) }, stanza)
    this.nextValidRid(rid + 1)
    this.xmlInput(body)
    return body.children.map(({ localName }) => localName)
  }

  /** The service tells the state of its link, over BOSH or WebSocket. */
  isTold(state: string, isInBody: boolean): void {
    const notice = fakeElement('link', { xmlns: 'urn:warm-bindings:link:0', state })
    if (isInBody) this.receives('body', notice)
    else this.xmlInput(notice)
  }

  /** The server answers all open requests. */
  answers(): void {
    for (const { onResult } of this.#iqs.splice(0)) onResult(fakeElement('iq'))
  }

  /** Strophe gives up all open requests. */
  timesOut(): void {
    for (const { onError } of this.#iqs.splice(0)) onError(null)
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
      ...fakeXml,
      converse: this.#converse(Connection),
    })
  }

  /** Parts of Converse that plugins replace. */
  readonly exports: { handleMessageStanza?: (message: { readonly id: string }) => Promise<unknown> } = {}

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
        send: (stanza: FakeElement | FakeBuilder) => connection?.send(stanza),
        settings: { extend() {}, set: (values: object) => void Object.assign(settings, values) },
        user,
      },
      env: { $build: (name: string) => new FakeBuilder(name) },
      exports: this.exports,
      state: { connfeedback: model, session: model },
    }
    // Converse logs in again after a lost connection.
    heard.set('will-log-in', () => void user.login())
    this.hears = event => void heard.get(event)?.()
    this.say = id => {
      const body = fakeElement('body', {}, 'Hello')
      void _converse.api.send(fakeElement('message', { id, type: 'chat', to: 'bob@localhost' }, body))
    }
    return {
      plugins: { add: (_name: string, plugin: { initialize(): void }) => plugin.initialize.call({ _converse }) },
      initialize: async () => void heard.get('initialized')!(),
    }
  }
}
