// A tab with chats of the module for pages, for tests in Node.
import { Chat } from './fake-page.js'
import { type FakeConnection, type FakeElement, fakeElement, fakeStrophe, setGlobals } from './fake-strophe.js'

export const archive = 'urn:xmpp:mam:2'

export const bound = (more: object = {}) => ({ jid: 'alice@localhost/1', sid: 's', rid: 5, ...more })

export const second = { jid: 'alice@localhost/2', sid: 's2' }

export const fromBob = (id: string, body: string) =>
  fakeElement(
    'message',
    { from: 'bob@localhost/x', to: 'alice@localhost/1', type: 'chat', id: `m${id}` },
    fakeElement('body', {}, body),
    fakeElement('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: 'alice@localhost', id }),
  )

/** A tab with its storage. It shows one page after the other, each with a chat. */
export class FakeTab {
  readonly connections: FakeConnection[] = []
  readonly storage = new Map<string, string>()
  readonly #chats: InstanceType<typeof Chat>[] = []
  readonly #leave: () => void
  page = new EventTarget()

  constructor() {
    const { storage } = this
    this.#leave = setGlobals({
      addEventListener: undefined,
      navigator: { onLine: true, sendBeacon() {} },
      sessionStorage: {
        getItem: (key: string) => storage.get(key) ?? null,
        setItem: (key: string, value: string) => void storage.set(key, value),
        removeItem: (key: string) => void storage.delete(key),
      },
    })
  }

  get last(): FakeConnection {
    return this.connections.at(-1)!
  }

  /** Shows a page with a chat, which shows no history. */
  open(options: object) {
    this.page = new EventTarget()
    Object.assign(globalThis, { addEventListener: this.page.addEventListener.bind(this.page) })
    const chat = new Chat({
      Strophe: fakeStrophe(this.connections),
      transport: 'bosh',
      name: 'tab',
      history: 0,
      ...options,
    })
    this.#chats.push(chat)
    const shown: string[] = []
    const states: string[] = []
    chat.addEventListener('message', event => {
      const { body, own } = (event as CustomEvent<{ body: string; own: boolean }>).detail
      shown.push(own ? `own: ${body}` : body)
    })
    chat.addEventListener('messagestate', event => {
      const { state, code = '' } = (event as CustomEvent<{ state: string; code?: string }>).detail
      states.push(`${state} ${code}`.trim())
    })
    chat.start()
    return { chat, shown, states, page: this.page }
  }

  /** The new session works: the server answers its first pings. */
  async comesOnline(...stanzas: FakeElement[]): Promise<void> {
    await turns()
    this.last.replies(...stanzas)
    this.last.answers('urn:xmpp:ping')
    await turns()
  }

  close(): void {
    for (const chat of this.#chats) chat.close()
    this.#leave()
  }
}

export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
