// What a chat of the module needs of a browser and of Strophe, for tests in Node. The test answers in the server's place.
import { jest } from '@jest/globals'

export class FakeElement {
  children: FakeElement[] = []
  text = ''

  constructor(
    readonly localName: string,
    readonly namespaceURI = 'jabber:client',
    readonly attributes: Record<string, string> = {},
  ) {}

  get id(): string {
    return this.attributes['id'] ?? ''
  }

  get textContent(): string {
    return this.text + this.children.map(({ textContent }) => textContent).join('')
  }

  getAttribute(name: string): string | null {
    return this.attributes[name] ?? null
  }

  setAttribute(name: string, value: string): void {
    this.attributes[name] = value
  }

  getElementsByTagName(name: string): FakeElement[] {
    return this.children.flatMap(child => [
      ...(child.localName === name ? [child] : []),
      ...child.getElementsByTagName(name),
    ])
  }

  append(...inside: readonly (FakeElement | string)[]): void {
    for (const each of inside) {
      if (typeof each === 'string') this.text += each
      else this.children.push(each)
    }
  }

  replaceChildren(): void {
    this.children = []
    this.text = ''
  }

  cloneNode(): FakeElement {
    return revived(JSON.parse(JSON.stringify(this)))
  }
}

function revived({ localName, namespaceURI, attributes, text, children }: FakeElement): FakeElement {
  const element = new FakeElement(localName, namespaceURI, { ...attributes })
  element.text = text
  element.append(...children.map(revived))
  return element
}

export function fakeElement(
  name: string,
  attributes: Record<string, string> = {},
  ...inside: readonly (FakeElement | string)[]
): FakeElement {
  const element = new FakeElement(name, attributes['xmlns'], attributes)
  element.append(...inside)
  return element
}

/** Classes of a browser that write and read XML; here the text is JSON. */
export const fakeXml = {
  XMLSerializer: class {
    serializeToString = (element: FakeElement) => JSON.stringify(element)
  },
  DOMParser: class {
    parseFromString = (text: string) => ({ documentElement: revived(JSON.parse(text)) })
  },
}

export class FakeBuilder {
  readonly #path: FakeElement[]

  constructor(name: string, attributes: Record<string, string> = {}) {
    this.#path = [new FakeElement(name, attributes['xmlns'], { ...attributes })]
  }

  c(name: string, attributes: Record<string, string> = {}): this {
    const parent = this.#path.at(-1)!
    const child = new FakeElement(name, attributes['xmlns'] ?? parent.namespaceURI, { ...attributes })
    parent.append(child)
    this.#path.push(child)
    return this
  }

  t(text: string): this {
    this.#path.at(-1)!.text += text
    return this
  }

  up(): this {
    this.#path.pop()
    return this
  }

  tree(): FakeElement {
    return this.#path[0]!
  }
}

interface Question {
  readonly iq: FakeElement
  readonly answer: (iq: FakeElement | null) => void
}

const result = () => fakeElement('iq', { type: 'result' })

/** A connection of Strophe over BOSH. */
class FakeConnection {
  readonly domain = 'localhost'
  readonly sent: FakeElement[] = []
  #questions: Question[] = []
  #handlers: (readonly [name: string, handler: (stanza: FakeElement) => boolean])[] = []
  #follow = (_status: number, _condition?: string) => {}
  #rid = 0
  xmlInput = (_body: FakeElement) => {}
  xmlOutput = (_body: FakeElement) => {}
  nextValidRid = (_rid: number) => {}

  attach(_jid: string, _sid: string, rid: number, follow: (status: number) => void): void {
    this.#rid = rid
    this.#follow = follow
  }

  /** As in Strophe, handlers and questions are forgotten. */
  reset(): void {
    this.#questions = []
    this.#handlers = []
  }

  send(stanza: FakeElement): void {
    this.sent.push(stanza)
  }

  sendIQ(iq: FakeElement, answer: Question['answer']): void {
    this.sent.push(iq)
    this.#questions.push({ iq, answer })
  }

  addHandler(handler: (stanza: FakeElement) => boolean, _namespace: unknown, name: string): void {
    this.#handlers.push([name, handler])
  }

  deleteHandler(): void {}
  addProtocolErrorHandler(): void {}
  flush(): void {}
  disconnect(): void {}

  /** The service answers a request. */
  replies(...stanzas: FakeElement[]): void {
    this.#rid += 1
    this.nextValidRid(this.#rid)
    this.xmlInput(fakeElement('body', { xmlns: 'http://jabber.org/protocol/httpbind' }, ...stanzas))
    for (const stanza of stanzas)
      for (const [name, handler] of [...this.#handlers]) if (name === stanza.localName) handler(stanza)
  }

  /** The server answers all questions with a child of this namespace, and returns how many there were. null: not in time. */
  answers(namespace: string, given: FakeElement | null = result()): number {
    const asked = this.#questions.filter(({ iq }) => iq.children[0]?.namespaceURI === namespace)
    this.#questions = this.#questions.filter(question => !asked.includes(question))
    for (const { answer } of asked) answer(given)
    return asked.length
  }

  breaks(): void {
    this.#follow(6)
  }

  conflicts(): void {
    this.#follow(6, 'conflict')
  }

  get texts(): string[] {
    const messages = this.sent.filter(({ localName }) => localName === 'message')
    return messages.map(message => message.getElementsByTagName('body')[0]!.textContent)
  }
}

export const archive = 'urn:xmpp:mam:2'

/** A binding of alice's first session. */
export const bound = (more: object = {}) => ({ jid: 'alice@localhost/1', sid: 's', rid: 5, ...more })

/** Of her next session. */
export const second = { jid: 'alice@localhost/2', sid: 's2' }

export const fromBob = (id: string, body: string) =>
  fakeElement(
    'message',
    { from: 'bob@localhost/x', to: 'alice@localhost/1', type: 'chat', id: `m${id}` },
    fakeElement('body', {}, body),
    fakeElement('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: 'alice@localhost', id }),
  )

export interface FakeChatOptions {
  readonly binding?: () => Promise<object | undefined>
  readonly service?: string
  readonly token?: () => Promise<string>
  readonly guest?: boolean
  /** Of the tab's memory. `undefined`: as for a page that does not name it. */
  readonly name?: string | undefined
  readonly rooms?: readonly string[]
  readonly nickname?: string
}

interface Chat extends EventTarget {
  start(): void
  retry(): void
  close(): void
  send(to: string, body: string): string
  resend(id: string): boolean
  join(room: string, nickname: string): void
  part(room: string): void
}

/** A tab with its storage. It shows one page after the other, each with a chat. */
export class FakeTab {
  readonly connections: FakeConnection[] = []
  readonly storage = new Map<string, string>()
  readonly #chats: Chat[] = []
  /** Listeners of the page that is shown. */
  page = new EventTarget()

  constructor() {
    const { storage } = this
    const globals = {
      document: Object.assign(new EventTarget(), { baseURI: 'https://www.example.org/', visibilityState: 'visible' }),
      navigator: { onLine: true, sendBeacon() {} },
      sessionStorage: {
        getItem: (key: string) => storage.get(key) ?? null,
        setItem: (key: string, value: string) => void storage.set(key, value),
        removeItem: (key: string) => void storage.delete(key),
      },
      ...fakeXml,
    }
    for (const [name, value] of Object.entries(globals))
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }

  get last(): FakeConnection {
    return this.connections.at(-1)!
  }

  /** Shows a page with a chat, which shows no history. */
  open(options: FakeChatOptions) {
    this.page = new EventTarget()
    Object.assign(globalThis, { addEventListener: this.page.addEventListener.bind(this.page) })
    const { connections } = this
    class Connection extends FakeConnection {
      constructor() {
        super()
        connections.push(this)
      }
    }
    const { Chat } = jest.requireActual<{ readonly Chat: new (options: object) => Chat }>(
      '../../src/packages/browser/chat.js',
    )
    const Strophe = { Connection, Builder: FakeBuilder }
    const chat = new Chat({ Strophe, transport: 'bosh', name: 'tab', history: 0, ...options })
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
    for (const name of ['document', 'addEventListener', 'sessionStorage', 'XMLSerializer', 'DOMParser'])
      Object.assign(globalThis, { [name]: undefined })
  }
}

export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
