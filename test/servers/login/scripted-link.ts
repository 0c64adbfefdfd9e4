import { hashQueue } from '../../../src/lib/limits/hash-queue.js'
import type { LoginParts } from '../../../src/servers/login/login.js'
import type { LoginLinkOptions, Opened } from '../../../src/servers/login/login-types.js'
import { createSaltedPasswords } from '../../../src/servers/login/sasl/salted-passwords.js'
import type { Link, LinkEvents, LinkFacts } from '../../../src/xmpp/link.js'
import { childrenOf } from '../../../src/xmpp/xml/document.js'
import type { Element } from '../../../src/xmpp/xml/element.js'
import { FakeClock } from '../../support/fake-clock.js'

/** `id` is of the last IQ. `told` is all that was sent to the server. */
export type AnswerTo = (id: string, told: readonly string[]) => string
export type Answer = string | AnswerTo

export const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
export const sasl2 = 'urn:xmpp:sasl:2'
export const bind = 'urn:ietf:params:xml:ns:xmpp-bind'
export const features = (inside: string) =>
  `<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${inside}</stream:features>`
export const offer = (...names: string[]) =>
  features(`<mechanisms xmlns='${sasl}'>${names.map(name => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`)
export const success = `<success xmlns='${sasl}'/>`
export const bound = (id: string) =>
  `<iq xmlns='jabber:client' type='result' id='${id}'><bind xmlns='${bind}'><jid>juliet@chat.example/balcony</jid></bind></iq>`

/** The features arrive late, in one read with the answer. */
export const late =
  (text: string, answer: Answer = ''): AnswerTo =>
  (id, told) =>
    text + (typeof answer === 'string' ? answer : answer(id, told))

export const tick = () => new Promise(resolve => setImmediate(resolve))

/** The server answers each opened stream, and each sent text. */
export class ScriptedLink implements Link, Opened {
  readonly link = this
  readonly backlog = 0
  readonly unfinishedBytes = 0
  readonly allowsManagement = true
  readonly isBetweenElements = true
  facts: LinkFacts = { encrypted: true, plainAllowed: true }
  events: LinkEvents
  readonly options: LoginLinkOptions
  /** Sent texts, with `<open/>` for each opened stream. */
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
    for (const { name, text } of elements) {
      if (name === 'enable') this.told.push(text)
      else this.#hear(text)
    }
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

  /** The text arrives in one read. */
  say(text: string): void {
    for (const element of childrenOf(`<stream xmlns='jabber:client'>${text}</stream>`)) this.events.onElement(element)
    this.events.onFlush?.()
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

export function loginParts(mechanisms: readonly string[], more: Partial<LoginParts> = {}): LoginParts {
  return {
    ...{ timeout: 5, stepTimeout: 5, mechanisms, scramMaxIterations: 10_000 },
    saltedPasswords: createSaltedPasswords(new FakeClock(), 0, hashQueue()),
    pipelining: undefined,
    ...more,
  }
}

export const noHashes: Pick<LoginParts, 'saltedPasswords'> = {
  saltedPasswords: () => {
    throw new Error('a password was hashed')
  },
}
