import {
  bind2Namespace,
  bindNamespace,
  channelBindingNamespace,
  fastNamespace,
  sasl2Namespace,
  saslNamespace,
  sessionNamespace,
  smNamespace,
} from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

export interface SaslOffer {
  readonly mechanisms: readonly string[]
  /** Undefined if the server lists none (XEP-0440). */
  readonly channelBindings: readonly string[] | undefined
}

/** XEP-0388 §2.1. */
export interface Sasl2Offer extends SaslOffer {
  /** Namespaces that Bind 2 can enable (XEP-0386). Undefined without Bind 2. */
  readonly bindFeatures: readonly string[] | undefined
  /** XEP-0198 §9. */
  readonly resumes: boolean
  /** XEP-0484. */
  readonly fast: readonly string[]
}

/** Stream features (RFC 6120 §4.3.2), parsed on first use. */
export class StreamFeatures {
  #children: readonly Element[] | undefined
  #offer: SaslOffer | undefined
  #sasl2: Sasl2Offer | undefined

  /** `text` must be well-formed. */
  constructor(readonly text: string) {}

  get offer(): SaslOffer | undefined {
    this.#offer ??= readOffer(this.#features, 'mechanisms', saslNamespace)
    return this.#offer
  }

  get sasl2(): Sasl2Offer | undefined {
    this.#sasl2 ??= readSasl2(this.#features)
    return this.#sasl2
  }

  /** RFC 6120 §7.4. */
  get offersBind(): boolean {
    return this.#features.some(({ namespace }) => namespace === bindNamespace)
  }

  /** RFC 3921 §3. */
  get demandsSession(): boolean {
    return this.#features.some(
      ({ namespace, text }) => namespace === sessionNamespace && !/<(?:\w+:)?optional[\s/>]/.test(text),
    )
  }

  /** XEP-0198 §2. */
  get offersManagement(): boolean {
    return this.#features.some(({ name, namespace }) => name === 'sm' && namespace === smNamespace)
  }

  get #features(): readonly Element[] {
    this.#children ??= childrenOf(this.text)
    return this.#children
  }

  /** Ignores the order, which some servers change at each start. */
  offersSameLogins(other: StreamFeatures): boolean {
    return inAnyOrder(this.offer, this.sasl2) === inAnyOrder(other.offer, other.sasl2)
  }

  /** True if a request to bind, as `other` allows it, fits these features. */
  allowsBindingOf(other: StreamFeatures): boolean {
    if (this.offersBind !== other.offersBind || this.demandsSession !== other.demandsSession) return false
    return this.offersManagement || !other.offersManagement
  }
}

function inAnyOrder(offer: SaslOffer | undefined, sasl2: Sasl2Offer | undefined): string {
  const names = (list: readonly string[] | undefined) => list && [...new Set(list)].sort()
  const all = [offer?.mechanisms, offer?.channelBindings, sasl2?.mechanisms, sasl2?.bindFeatures, sasl2?.fast]
  return JSON.stringify([...all.map(names), sasl2?.resumes])
}

function readOffer(features: readonly Element[], name: string, namespace: string): SaslOffer | undefined {
  const lists = features.filter(feature => feature.name === name && feature.namespace === namespace)
  if (lists.length === 0) return undefined
  const entries = lists.flatMap(({ text }) => childrenOf(text))
  const mechanisms = mechanismsIn(entries, namespace)
  // Some servers list channel binding types among the mechanisms.
  const types = [...features, ...entries].filter(({ namespace }) => namespace === channelBindingNamespace)
  if (types.length === 0) return { mechanisms, channelBindings: undefined }
  const channelBindings = types
    .flatMap(({ text }) => childrenOf(text))
    .flatMap(({ text }) => startTagOf(text).attribute('type') ?? [])
  return { mechanisms, channelBindings }
}

function readSasl2(features: readonly Element[]): Sasl2Offer | undefined {
  const offer = readOffer(features, 'authentication', sasl2Namespace)
  if (offer === undefined) return undefined
  const inline = childrenIn(childrenIn(features, 'authentication', sasl2Namespace), 'inline', sasl2Namespace)
  const offersBind = inline.some(({ name, namespace }) => name === 'bind' && namespace === bind2Namespace)
  const bindFeatures = childrenIn(childrenIn(inline, 'bind', bind2Namespace), 'inline', bind2Namespace)
  return {
    ...offer,
    bindFeatures: offersBind ? bindFeatures.flatMap(({ text }) => startTagOf(text).attribute('var') ?? []) : undefined,
    resumes: inline.some(({ name, namespace }) => name === 'sm' && namespace === smNamespace),
    fast: mechanismsIn(childrenIn(inline, 'fast', fastNamespace), fastNamespace),
  }
}

function childrenIn(elements: readonly Element[], name: string, namespace: string): readonly Element[] {
  return elements.flatMap(element =>
    element.name === name && element.namespace === namespace ? childrenOf(element.text) : [],
  )
}

function mechanismsIn(entries: readonly Element[], namespace: string): string[] {
  return entries.flatMap(entry =>
    entry.name === 'mechanism' && entry.namespace === namespace ? (lastWord.exec(entry.text)?.[1] ?? []) : [],
  )
}

/** A mechanism's name, which contains no entities, and the end tag. */
const lastWord = />\s*([A-Z0-9_-]{1,20})\s*<\/[^<>]*>$/
