import { channelBindingNamespace, saslNamespace } from '../namespaces.js'
import { childrenOf } from '../xml/children.js'
import { startTagOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'

/** What a server offers to log in with. */
export interface Offer {
  /** Names of SASL mechanisms (RFC 6120 §6.3.3). */
  readonly mechanisms: readonly string[]
  /** Types of channel binding; undefined where the server does not list any (XEP-0440). */
  readonly channelBindings: readonly string[] | undefined
}

/** Reads what the features of a stream offer to log in with; undefined if that is nothing. */
export function readOffer(features: readonly Element[]): Offer | undefined {
  const lists = features.filter(({ name, namespace }) => name === 'mechanisms' && namespace === saslNamespace)
  if (lists.length === 0) return undefined
  const entries = lists.flatMap(({ text }) => childrenOf(text))
  const mechanisms = entries.flatMap(({ name, namespace, text }) =>
    name === 'mechanism' && namespace === saslNamespace ? (lastWord.exec(text)?.[1] ?? []) : [],
  )
  // Beside the mechanisms; some put it among them.
  const types = [...features, ...entries].filter(({ namespace }) => namespace === channelBindingNamespace)
  if (types.length === 0) return { mechanisms, channelBindings: undefined }
  const channelBindings = types
    .flatMap(({ text }) => childrenOf(text))
    .flatMap(({ text }) => startTagOf(text).attribute('type') ?? [])
  return { mechanisms, channelBindings }
}

/** What stands before an element's end tag. A name of a mechanism has no character that would be written as another. */
const lastWord = />\s*([A-Z0-9_-]{1,20})\s*<\/[^<>]*>$/
