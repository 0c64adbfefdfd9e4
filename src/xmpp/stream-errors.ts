import { attempt } from '../lib/attempt.js'
import type { Step } from '../lib/errors.js'
import type { LinkEnd, LinkEvents } from './link.js'
import { sasl2Namespace, saslNamespace } from './namespaces.js'
import { childrenOf } from './xml/document.js'
import type { Element } from './xml/element.js'

const streamErrorNamespace = 'urn:ietf:params:xml:ns:xmpp-streams'

/** RFC 6120 §4.9.3. */
export function writeStreamError(condition: string): string {
  return `<stream:error><${condition} xmlns='${streamErrorNamespace}'/></stream:error>`
}

export function streamEnd(element: Element, step: Step): LinkEnd {
  const condition = conditionOf(element)
  const code = condition === 'host-unknown' || condition === 'host-gone' ? 'host-unknown' : 'remote-stream-error'
  return { failure: { step, code, ...(condition !== undefined && { condition }) }, streamError: element.text }
}

/** Replaces the step `features` by the step of the link's receiver. */
export function atStep(end: LinkEnd, { step = 'features' }: Pick<LinkEvents, 'step'>): LinkEnd {
  const { failure } = end
  return failure.step === 'features' && step !== 'features' ? { ...end, failure: { ...failure, step } } : end
}

function conditionOf({ text }: Element): string | undefined {
  const named = attempt(() => childrenOf(text))?.filter(({ namespace }) => namespace === streamErrorNamespace)
  return named?.find(({ name }) => name !== 'text')?.name
}

/** RFC 6120 §6.4.5, XEP-0388 §2.6.2. */
export function writeSaslFailure(namespace: string, condition: string): string {
  const reason = namespace === sasl2Namespace ? `<${condition} xmlns='${saslNamespace}'/>` : `<${condition}/>`
  return `<failure xmlns='${namespace}'>${reason}</failure>`
}
