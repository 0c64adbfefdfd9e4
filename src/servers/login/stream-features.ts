import {
  bindNamespace,
  channelBindingNamespace,
  saslNamespace,
  sessionNamespace,
} from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** What a server offers to log in with. */
export interface SaslOffer {
  /** Names of SASL mechanisms (RFC 6120 §6.3.3). */
  readonly mechanisms: readonly string[]
  /** Types of channel binding; undefined where the server does not list any (XEP-0440). */
  readonly channelBindings: readonly string[] | undefined
}

/** What a login has to know of the features of a stream (RFC 6120 §4.3.2). They are read when first asked for, and once. */
export class StreamFeatures {
  #children: readonly Element[] | undefined
  #offer: SaslOffer | undefined

  /** `text` is the element `<stream:features/>`, which has been read before. */
  constructor(readonly text: string) {}

  /** What there is to log in with; undefined if the stream does not offer a login. */
  get offer(): SaslOffer | undefined {
    this.#offer ??= readOffer(this.#features)
    return this.#offer
  }

  /** Whether a resource may be bound (RFC 6120 §7.3). */
  get offersBind(): boolean {
    return this.#features.some(({ namespace }) => namespace === bindNamespace)
  }

  /** Whether the server demands the session request of RFC 3921 §3. */
  get demandsSession(): boolean {
    return this.#features.some(
      ({ namespace, text }) => namespace === sessionNamespace && !/<(?:\w+:)?optional[\s/>]/.test(text),
    )
  }

  get #features(): readonly Element[] {
    this.#children ??= childrenOf(this.text)
    return this.#children
  }

  /** Whether they offer the same logins. The order does not count: some servers change it each time they are started. */
  offersSameLogins(other: StreamFeatures): boolean {
    return inAnyOrder(this.offer) === inAnyOrder(other.offer)
  }

  /** Whether they ask for the same requests once the user is logged in. */
  offersSameBinding(other: StreamFeatures): boolean {
    return this.offersBind === other.offersBind && this.demandsSession === other.demandsSession
  }
}

function inAnyOrder(offer: SaslOffer | undefined): string {
  const names = (list: readonly string[] | undefined) => list && [...new Set(list)].sort()
  return JSON.stringify([names(offer?.mechanisms), names(offer?.channelBindings)])
}

function readOffer(features: readonly Element[]): SaslOffer | undefined {
  const lists = features.filter(({ name, namespace }) => name === 'mechanisms' && namespace === saslNamespace)
  if (lists.length === 0) return undefined
  const entries = lists.flatMap(({ text }) => childrenOf(text))
  const mechanisms = entries.flatMap(({ name, namespace, text }) =>
    name === 'mechanism' && namespace === saslNamespace ? (lastWord.exec(text)?.[1] ?? []) : [],
  )
  // They stand beside the mechanisms; some servers put them among the mechanisms.
  const types = [...features, ...entries].filter(({ namespace }) => namespace === channelBindingNamespace)
  if (types.length === 0) return { mechanisms, channelBindings: undefined }
  const channelBindings = types
    .flatMap(({ text }) => childrenOf(text))
    .flatMap(({ text }) => startTagOf(text).attribute('type') ?? [])
  return { mechanisms, channelBindings }
}

/** What stands before an element's end tag. No character of a mechanism's name is ever written as an entity. */
const lastWord = />\s*([A-Z0-9_-]{1,20})\s*<\/[^<>]*>$/
