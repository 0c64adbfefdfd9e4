import type { LoginLinkOptions, Opened } from '../../../src/servers/login/login-link.js'
import type { Link, LinkEvents, LinkFacts } from '../../../src/xmpp/link.js'
import { childrenOf } from '../../../src/xmpp/xml/document.js'
import type { Element } from '../../../src/xmpp/xml/element.js'

/** What the server says next, by the id of the last IQ and all that it was told so far. */
export type Answer = string | ((id: string, told: readonly string[]) => string)

/** A link to a server that answers each opening of the stream, and each thing that it is told, from a script. */
export class ScriptedLink implements Link, Opened {
  readonly link = this
  readonly backlog = 0
  readonly unfinishedBytes = 0
  readonly allowsManagement = true
  readonly isBetweenElements = true
  facts: LinkFacts = { encrypted: true, plainAllowed: true }
  events: LinkEvents
  readonly options: LoginLinkOptions
  /** What the server was told; `<open/>` where the stream was opened. */
  readonly told: string[] = []
  gone: 'abandoned' | 'cut' | undefined
  readonly #answers: Answer[]
  #id = ''

  constructor(answers: readonly Answer[], options: LoginLinkOptions, events: LinkEvents) {
    this.#answers = [...answers]
    this.options = options
    this.events = events
    this.#open(options.ahead)
  }

  send(elements: readonly Element[]): void {
    for (const { text } of elements) this.#hear(text)
  }

  restart({ ahead }: { readonly ahead?: 'trial' | 'proven' | undefined } = {}): void {
    this.#open(ahead)
  }

  pause(): void {}

  resume(): void {}

  close(): void {}

  timeOut(): void {}

  cut(): void {
    this.gone = 'cut'
  }

  abandon(): void {
    this.gone = 'abandoned'
  }

  /** The server says this, all of it in one read. */
  say(text: string): void {
    for (const element of childrenOf(`<stream xmlns='jabber:client'>${text}</stream>`)) this.events.onElement(element)
    this.events.onFlush()
  }

  #open(ahead: 'trial' | 'proven' | undefined): void {
    if (ahead === undefined) this.#hear('<open/>')
    else {
      this.told.push(`<open ahead='${ahead}'/>`)
      setImmediate(() => this.events.onAhead?.())
    }
  }

  #hear(text: string): void {
    this.told.push(text)
    this.#id = /<iq[^>]* id='([^']+)'/.exec(text)?.[1] ?? this.#id
    const answer = this.#answers.shift() ?? ''
    setImmediate(() => {
      if (this.gone === undefined) this.say(typeof answer === 'string' ? answer : answer(this.#id, this.told))
    })
  }
}
