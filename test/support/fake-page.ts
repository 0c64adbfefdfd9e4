// A page without a browser, for the modules for pages: Strophe and Converse as far as the modules use them.
import { afterEach, beforeEach, jest } from '@jest/globals'
import type { Status as ChatStatus } from '../../dist/types/browser/connect.js'
import { browserModule } from './browser-modules.js'
import { type FakeConnection, type FakeElement, fakeElement, fakeStrophe, Status, setGlobals } from './fake-strophe.js'
import { useFakeTimers } from './fake-timers.js'

export const { Chat } = browserModule('chat')
export const { connect } = browserModule('connect')
export const { connectConverse } = browserModule('converse')

export const pageBinding = {
  jid: 'alice@localhost/1',
  sid: 's1',
  rid: 5,
  url: 'https://chat.example.org/http-bind',
  websocket: { url: 'https://chat.example.org/xmpp-websocket/warm', token: 't' },
} as const

/** A page for each test of a file. The tests move its time. */
export function eachPage(): FakePage {
  const page = new FakePage()
  useFakeTimers()
  beforeEach(() => page.enter())
  afterEach(() => {
    jest.restoreAllMocks()
    page.leave()
  })
  return page
}

export const passes = (milliseconds: number) => jest.advanceTimersByTimeAsync(milliseconds)

/** Web storage, as far as the modules use it. */
const storageMethods = {
  getItem(this: Record<string, string>, key: string) {
    return this[key] ?? null
  },
  setItem(this: Record<string, string>, key: string, value: string) {
    this[key] = value
  },
  removeItem(this: Record<string, string>, key: string) {
    delete this[key]
  },
}

/** A tab with Strophe for `connect`, and `globalThis.converse` for `connectConverse`. */
class FakePage {
  readonly connections: FakeConnection[] = []
  readonly Strophe = fakeStrophe(this.connections)
  readonly statuses: ChatStatus[] = []
  readonly onStatus = (status: ChatStatus) => void this.statuses.push(status)
  /** Both modules for pages. The page is told their statuses. */
  readonly modules = {
    'the module': (options: object) =>
      void connect({ Strophe: this.Strophe, onStatus: this.onStatus, history: 0, ...options } as never),
    'the module for Converse': (options: object) =>
      void connectConverse({ onStatus: this.onStatus, ...options } as never),
  }
  /** Converse tells its plugins of an event. */
  hears = (_event: string): void => {}
  /** The user of Converse sends a chat message. Without text, the user is typing. */
  say = (_id: string, _text?: string): void => {}
  occurs = (_type: string, _event?: object): void => {}
  storage: Record<string, string> = {}
  /** What Converse has stored of its session. */
  session: Record<string, unknown> = {}
  /** Parts of Converse that plugins replace. */
  exports: { handleMessageStanza?: (message: { readonly id: string }) => Promise<unknown> } = {}
  leave = (): void => {}

  enter(): void {
    this.connections.length = 0
    this.statuses.length = 0
    this.exports = {}
    this.session = {}
    this.storage = Object.create(storageMethods)
    this.leave = setGlobals({
      addEventListener: undefined,
      navigator: { onLine: true, sendBeacon() {} },
      sessionStorage: this.storage,
      converse: this.#converse(),
    })
    this.#show()
  }

  #show(): EventTarget {
    const window = new EventTarget()
    this.occurs = (type, event) => void window.dispatchEvent(Object.assign(new Event(type), event))
    Object.assign(globalThis, { addEventListener: window.addEventListener.bind(window) })
    return window
  }

  /** Loads the page with Converse again. */
  reload(): void {
    Object.assign(globalThis, { converse: this.#converse() })
    this.#show()
  }

  /** Shows another page of the tab, with a chat that shows no history. */
  open(options: object) {
    const page = this.#show()
    const given = { Strophe: this.Strophe, transport: 'bosh', name: 'tab', history: 0, ...options }
    const chat = new Chat(given as never)
    const shown: string[] = []
    const states: string[] = []
    chat.addEventListener('message', ({ detail: { body, own } }) => {
      shown.push(`${own ? 'own: ' : ''}${body}`)
    })
    chat.addEventListener('messagestate', ({ detail: { state, code = '' } }) => {
      states.push(`${state} ${code}`.trim())
    })
    chat.start()
    return { chat, shown, states, page }
  }

  /** The new session works over BOSH: the server answers its first pings. */
  async comesOnline(...stanzas: FakeElement[]): Promise<void> {
    await passes(0)
    this.last.becomes(Status.attached)
    this.last.replies(...stanzas)
    this.last.answers('urn:xmpp:ping')
    await passes(0)
  }

  get last(): FakeConnection {
    return this.connections.at(-1)!
  }

  #converse(): object {
    const { Strophe } = this
    const heard = new Map<string, (...given: unknown[]) => unknown>()
    const settings: Record<string, string> = {}
    const connfeedback = { set() {} }
    const own: Record<string, unknown> = {}
    const session = {
      get: (name: string) => own[name],
      save: (values: object) => {
        this.session = { ...Object.assign(own, values) }
      },
      fetch: ({ success }: { success(): void }) => {
        Object.assign(own, this.session)
        success()
      },
    }
    let connection: FakeConnection | undefined
    const user = {
      async login() {
        if (!connection) session.fetch({ success() {} })
        session.save({ active: true })
        connection = new Strophe.Connection(settings['websocket_url'] || settings['bosh_service_url']!)
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
        send: (stanza: FakeElement) => connection?.send(stanza),
        settings: { extend() {}, set: (values: object) => void Object.assign(settings, values) },
        user,
      },
      exports: this.exports,
      state: { chatboxes: { models: [], fetch() {}, get() {} }, connfeedback, session },
    }
    // Converse logs in again after a lost connection.
    heard.set('will-log-in', () => void user.login())
    this.hears = event => void heard.get(event)?.()
    this.say = (id, text = 'Hello') => {
      const inside = text === '' ? fakeElement('composing') : fakeElement('body', {}, text)
      void _converse.api.send(
        fakeElement('message', { id, type: 'chat', from: pageBinding.jid, to: 'bob@localhost' }, inside),
      )
    }
    return {
      plugins: { add: (_name: string, plugin: { initialize(): void }) => plugin.initialize.call({ _converse }) },
      initialize: async () => void heard.get('initialized')!(),
    }
  }
}
