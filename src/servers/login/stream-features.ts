import {
  bind2Namespace,
  bindNamespace,
  channelBindingNamespace,
  fastNamespace,
  isNamed,
  sasl2Namespace,
  saslNamespace,
  sessionNamespace,
  smNamespace,
} from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

export interface SaslOffer {
  readonly mechanisms: readonly string[]
  /** Undefined if the server lists none (XEP-0440). */
  readonly channelBindings: readonly string[] | undefined
}

/** XEP-0388 §2.1. */
export type Sasl2Offer = NonNullable<ReturnType<typeof readSasl2>>

export type StreamFeatures = ReturnType<typeof readFeatures>

/** Stream features (RFC 6120 §4.3.2). `text` must be well-formed. */
export function readFeatures(text: string) {
  const features = childrenOf(text)
  return {
    text,
    offer: readOffer(features, 'mechanisms', saslNamespace),
    sasl2: readSasl2(features),
    /** RFC 6120 §7.4. */
    offersBind: features.some(({ namespace }) => namespace === bindNamespace),
    /** RFC 3921 §3. */
    demandsSession: features.some(
      ({ namespace, text }) => namespace === sessionNamespace && !/<(?:\w+:)?optional[\s/>]/.test(text),
    ),
    /** XEP-0198 §2. */
    offersManagement: features.some(isNamed('sm', smNamespace)),
  }
}

/** Ignores the order, which some servers change at each start. */
export function offerSameLogins(one: StreamFeatures, other: StreamFeatures): boolean {
  return inAnyOrder(one) === inAnyOrder(other)
}

/** True if a request to bind, as `foreseen` allows it, fits the features. */
export function allowBindingOf(features: StreamFeatures, foreseen: StreamFeatures): boolean {
  if (features.offersBind !== foreseen.offersBind || features.demandsSession !== foreseen.demandsSession) return false
  return features.offersManagement || !foreseen.offersManagement
}

function inAnyOrder({ offer, sasl2 }: StreamFeatures): string {
  const names = (list: readonly string[] | undefined) => list && [...new Set(list)].sort()
  const all = [offer?.mechanisms, offer?.channelBindings, sasl2?.mechanisms, sasl2?.bindFeatures, sasl2?.fast]
  return JSON.stringify([...all.map(names), sasl2?.resumes])
}

function readOffer(features: readonly Element[], name: string, namespace: string): SaslOffer | undefined {
  const lists = features.filter(isNamed(name, namespace))
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

function readSasl2(features: readonly Element[]) {
  const offer = readOffer(features, 'authentication', sasl2Namespace)
  if (offer === undefined) return undefined
  const inline = childrenIn(childrenIn(features, 'authentication', sasl2Namespace), 'inline', sasl2Namespace)
  const offersBind = inline.some(isNamed('bind', bind2Namespace))
  const bindFeatures = childrenIn(childrenIn(inline, 'bind', bind2Namespace), 'inline', bind2Namespace)
  return {
    ...offer,
    /** Namespaces that Bind 2 can enable (XEP-0386). Undefined without Bind 2. */
    bindFeatures: offersBind ? bindFeatures.flatMap(({ text }) => startTagOf(text).attribute('var') ?? []) : undefined,
    /** XEP-0198 §9. */
    resumes: inline.some(isNamed('sm', smNamespace)),
    /** XEP-0484. */
    fast: mechanismsIn(childrenIn(inline, 'fast', fastNamespace), fastNamespace),
  }
}

function childrenIn(elements: readonly Element[], name: string, namespace: string): readonly Element[] {
  return elements.filter(isNamed(name, namespace)).flatMap(({ text }) => childrenOf(text))
}

function mechanismsIn(entries: readonly Element[], namespace: string): string[] {
  const named = entries.filter(isNamed('mechanism', namespace))
  const names = named.flatMap(({ text }) => lastWord.exec(text)?.[1] ?? [])
  return names.slice(0, mostMechanisms).map(copyOf)
}

/** For a thousand domains, they are remembered. */
const mostMechanisms = 50

/** A mechanism's name, which contains no entities, and the end tag. */
const lastWord = />\s*([A-Z0-9_-]{1,20})\s*<\/[^<>]*>$/
