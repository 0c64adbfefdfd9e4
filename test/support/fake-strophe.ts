// Strophe as far as the modules for pages use it, and the XML of a browser, for tests in Node. The test answers in the
// server's place.

export class FakeElement {
  children: FakeElement[] = []
  text = ''

  constructor(
    readonly localName: string,
    readonly attributes: Record<string, string> = {},
  ) {}

  get namespaceURI(): string {
    return this.attributes['xmlns'] ?? 'jabber:client'
  }

  get id(): string {
    return this.attributes['id'] ?? ''
  }

  get textContent(): string {
    return this.text + this.children.map(({ textContent }) => textContent).join('')
  }

  set textContent(text: string) {
    this.children = []
    this.text = text
  }

  get firstElementChild(): FakeElement | undefined {
    return this.children[0]
  }

  getAttribute(name: string): string | null {
    return this.attributes[name] ?? null
  }

  setAttribute(name: string, value: string): void {
    this.attributes[name] = value
  }

  removeAttribute(name: string): void {
    delete this.attributes[name]
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

function revived({ localName, attributes, text, children }: FakeElement): FakeElement {
  const element = new FakeElement(localName, { ...attributes })
  element.text = text
  element.append(...children.map(revived))
  return element
}

export function fakeElement(
  name: string,
  attributes: Record<string, string> = {},
  ...inside: readonly (FakeElement | string)[]
): FakeElement {
  const element = new FakeElement(name, attributes)
  element.append(...inside)
  return element
}

/** A message comes back. */
export function fakeError(id: string, condition = 'remote-server-timeout', from = 'bob@localhost'): FakeElement {
  return fakeElement('message', { id, type: 'error', from }, fakeElement('error', {}, fakeElement(condition)))
}

/** Classes of a browser that write and read XML; here the text is JSON. */
export const fakeXml = {
  Document: class {
    createElement = (name: string) => new FakeElement(name)
  },
  XMLSerializer: class {
    serializeToString = (element: FakeElement) => JSON.stringify(element)
  },
  DOMParser: class {
    parseFromString = (text: string) => ({ documentElement: revived(JSON.parse(text)) })
  },
}

export const Status = { connectionFailed: 2, connected: 5, disconnected: 6, attached: 8 } as const

interface Question {
  readonly iq: FakeElement
  readonly onResult: (answer: FakeElement) => void
  readonly onError: (error: FakeElement | null) => void
}

export class FakeConnection {
  readonly calls: string[] = []
  readonly _proto = { _reqToData: (request: { getResponse(): unknown }) => request.getResponse() as never }
  readonly domain = 'localhost'
  readonly sent: FakeElement[] = []
  jid = ''
  maxRetries = 0
  disconnection_timeout = 0
  #questions: Question[] = []
  #handlers: (readonly [name: string, handler: (stanza: FakeElement) => boolean])[] = []
  #follow = (_status: number, _condition?: string) => {}
  #rid = 0
  xmlInput = (_element: FakeElement) => {}
  xmlOutput = (_element: FakeElement) => {}
  nextValidRid = (_rid: number) => {}

  constructor(public service: string) {}

  connect(_jid: string, _password: string, follow: (status: number) => void): void {
    this.calls.push('connect')
    this.#follow = follow
  }

  attach(_jid: string, sid: string, rid: number, follow: (status: number) => void): void {
    this.calls.push(`attach ${sid} ${rid}`)
    this.#rid = rid
    this.#follow = follow
  }

  /** As in Strophe, handlers and questions are forgotten. */
  reset(): void {
    this.calls.push('reset')
    this.#questions = []
    this.#handlers = []
  }

  disconnect(): void {
    this.calls.push('disconnect')
    this.becomes(Status.disconnected)
  }

  send(stanza: FakeElement): void {
    this.sent.push(stanza)
  }

  sendIQ(iq: FakeElement, onResult: Question['onResult'], onError: Question['onError'] = () => {}): string {
    this.send(iq)
    this.#questions.push({ iq, onResult, onError })
    return iq.id
  }

  addHandler(handler: (stanza: FakeElement) => boolean, _namespace: unknown, name: string): void {
    this.#handlers.push([name, handler])
  }

  hasResumed = () => false
  deleteHandler(): void {}
  addProtocolErrorHandler(): void {}
  onConnectStatusChanged(): void {}
  flush(): void {}

  becomes(status: number, condition?: string): void {
    this.#follow(status, condition)
  }

  /** The service answers a request. */
  replies(...stanzas: readonly FakeElement[]): void {
    this.receives('body', ...stanzas)
    for (const stanza of stanzas)
      for (const [name, handler] of [...this.#handlers]) if (name === stanza.localName) handler(stanza)
  }

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

  /** The server answers the questions with a child of this namespace, or all. Returns how many. null: not in time. */
  answers(namespace?: string, given: FakeElement | null = fakeElement('iq', { type: 'result' })): number {
    const isAsked = ({ iq }: Question) => namespace === undefined || iq.children[0]?.namespaceURI === namespace
    const asked = this.#questions.filter(isAsked)
    this.#questions = this.#questions.filter(question => !asked.includes(question))
    for (const { onResult, onError } of asked) {
      if (given === null || given.getAttribute('type') === 'error') onError(given)
      else onResult(given)
    }
    return asked.length
  }

  get texts(): string[] {
    const messages = this.sent.filter(({ localName }) => localName === 'message')
    return messages.map(message => message.getElementsByTagName('body')[0]!.textContent)
  }

  get sentNames(): string[] {
    return this.sent.map(({ localName }) => localName)
  }
}

/** Strophe. Its connections are added to the list. */
export function fakeStrophe(connections: FakeConnection[]) {
  class Connection extends FakeConnection {
    constructor(service: string) {
      super(service)
      connections.push(this)
    }
  }
  return { Connection }
}

/** Gives Node what a page has. Returns a function that takes it away. */
export function setGlobals(more: object): () => void {
  const document = Object.assign(new EventTarget(), { baseURI: 'https://www.example.org/', visibilityState: 'visible' })
  const values = { document, ...fakeXml, ...more }
  const before = Object.keys(values).map(name => [name, Reflect.get(globalThis, name)] as const)
  const set = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  for (const [name, value] of Object.entries(values)) set(name, value)
  return () => {
    for (const [name, value] of before) set(name, value)
  }
}
