import {
  bindNamespace,
  channelBindingNamespace,
  saslNamespace,
  sessionNamespace,
  smNamespace,
} from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

export interface SaslOffer {
  /** SASL mechanisms (RFC 6120 §6.3.3). */
  readonly mechanisms: readonly string[]
  /** Undefined if the server lists none (XEP-0440). */
  readonly channelBindings: readonly string[] | undefined
}

/** Stream features (RFC 6120 §4.3.2), parsed on first use. */
export class StreamFeatures {
  #children: readonly Element[] | undefined
  #offer: SaslOffer | undefined

  /** Well-formed. */
  constructor(readonly text: string) {}

  /** Undefined without SASL. */
  get offer(): SaslOffer | undefined {
    this.#offer ??= readOffer(this.#features)
    return this.#offer
  }

  /** RFC 6120 §7.3. */
  get offersBind(): boolean {
    return this.#features.some(({ namespace }) => namespace === bindNamespace)
  }

  /** RFC 3921 §3. */
  get demandsSession(): boolean {
    return this.#features.some(
      ({ namespace, text }) => namespace === sessionNamespace && !/<(?:\w+:)?optional[\s/>]/.test(text),
    )
  }

  /** XEP-0198 §3. */
  get offersManagement(): boolean {
    return this.#features.some(({ name, namespace }) => name === 'sm' && namespace === smNamespace)
  }

  get #features(): readonly Element[] {
    this.#children ??= childrenOf(this.text)
    return this.#children
  }

  /** In any order: some servers change it at each start. */
  offersSameLogins(other: StreamFeatures): boolean {
    return inAnyOrder(this.offer) === inAnyOrder(other.offer)
  }

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
  // Some servers put them among the mechanisms.
  const types = [...features, ...entries].filter(({ namespace }) => namespace === channelBindingNamespace)
  if (types.length === 0) return { mechanisms, channelBindings: undefined }
  const channelBindings = types
    .flatMap(({ text }) => childrenOf(text))
    .flatMap(({ text }) => startTagOf(text).attribute('type') ?? [])
  return { mechanisms, channelBindings }
}

/** Text before an end tag. Names of mechanisms have no entities. */
const lastWord = />\s*([A-Z0-9_-]{1,20})\s*<\/[^<>]*>$/
