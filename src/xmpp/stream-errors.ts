import { attempt } from '../lib/attempt.js'
import type { ProblemCode, Step } from '../lib/errors.js'
import { foreignText } from '../lib/text/foreign-text.js'
import type { LinkEnd, LinkEvents } from './link.js'
import { sasl2Namespace, saslNamespace } from './namespaces.js'
import { childrenOf } from './xml/document.js'
import type { Element } from './xml/element.js'

/** Characters: a session keeps it until its client has it. */
const longestError = 16 * 1024
const streamErrorNamespace = 'urn:ietf:params:xml:ns:xmpp-streams'

/** The text of `remote-connection-failed`, over BOSH and WebSocket. */
export const unreachable =
  'The XMPP server cannot be reached, is not trusted, or closed the connection. The log of the service has the cause.'

/** By condition of RFC 6120 or XEP-0124, for a person who debugs a client or server. */
export const sentences: Readonly<Record<string, string>> = {
  'bad-format': 'The elements are not those of an XMPP stream. Over WebSocket, each message must be one element.',
  conflict: 'Another connection has taken this session.',
  'connection-timeout': 'The login was not finished in time. Connect again.',
  'host-unknown': 'This domain is not served here. An operator can add it to XMPP_DOMAINS.',
  'host-gone': 'This domain is no longer served here.',
  'improper-addressing': 'The attribute `to` must be the domain of an XMPP server.',
  'internal-server-error': 'The service failed. Its log has the cause. Connect again.',
  'invalid-namespace': 'The namespace of an element is wrong. A stanza must declare jabber:client over WebSocket.',
  'not-authorized': 'The login is missing, or was refused.',
  'not-well-formed': 'The XML is not well-formed. A WebSocket stream begins with an open element (RFC 7395).',
  'policy-violation': 'A rule or limit of the service was broken. The log of the service names it.',
  'remote-connection-failed': unreachable,
  'resource-constraint': 'The service is full. Connect again later.',
  'restricted-xml': 'XMPP allows no comments, processing instructions, DTDs and entities (RFC 6120).',
  'system-shutdown': 'The service is stopping. Connect again.',
  'unsupported-encoding': 'The text must be UTF-8.',
  'unsupported-version': 'The version must be 1.0.',
  'undefined-condition': 'The stream cannot continue. The log of the service has the reason.',
}

/** RFC 6120 §4.9.3. `more`: a condition of an application (§4.9.4). */
export function writeStreamError(condition: string, more = ''): string {
  const sentence = sentences[condition]
  const text = sentence === undefined ? '' : `<text xmlns='${streamErrorNamespace}'>${sentence}</text>`
  return `<stream:error><${condition} xmlns='${streamErrorNamespace}'/>${text}${more}</stream:error>`
}

export function streamEnd(element: Element, step: Step): LinkEnd {
  const error = conditionIn(element.text)
  const condition = error?.name
  const code = codeOf(element.text, condition, step)
  const detail = condition === 'see-other-host' ? otherHostDetail(textOf(error!)) : undefined
  return {
    failure: { step, code, ...(condition !== undefined && { condition }), ...(detail !== undefined && { detail }) },
    streamError:
      element.text.length > longestError ? writeStreamError(condition ?? 'undefined-condition') : element.text,
  }
}

function codeOf(streamError: string, condition: string | undefined, step: Step): ProblemCode {
  if (notHere.has(condition)) return 'host-unknown'
  if (condition === 'undefined-condition' && streamError.includes(nothingToOffer))
    return step === 'tls' ? 'tls-unavailable' : 'no-mechanism'
  return 'remote-stream-error'
}

/** Sent by Prosody without a certificate, if it requires encryption. No condition of RFC 6120 means this. */
const nothingToOffer = 'No stream features to proceed with'

const notHere: ReadonlySet<string | undefined> = new Set(['host-unknown', 'host-gone', 'see-other-host'])

const otherHostDetail = (host: string) =>
  `It names another host: ${foreignText(host || 'without a name')}. See XMPP_SERVERS.`

/** The text of `<see-other-host/>` (RFC 6120 §4.9.3.19). */
export function otherHostIn(streamError: string): string | undefined {
  const condition = conditionIn(streamError)
  return condition?.name === 'see-other-host' ? textOf(condition) : undefined
}

/** Replaces the step `features` by the step of the link's receiver. */
export function atStep(end: LinkEnd, { step = 'features' }: Pick<LinkEvents, 'step'>): LinkEnd {
  const { failure } = end
  return failure.step === 'features' && step !== 'features' ? { ...end, failure: { ...failure, step } } : end
}

function conditionIn(streamError: string): Element | undefined {
  const named = attempt(() => childrenOf(streamError))?.filter(({ namespace }) => namespace === streamErrorNamespace)
  return named?.find(({ name }) => name !== 'text')
}

const textOf = ({ text }: Element) => /^<[^>]*>([^<]*)</.exec(text)?.[1]?.trim() ?? ''

/** RFC 6120 §6.4.5, XEP-0388 §2.6.2. */
export function writeSaslFailure(namespace: string, condition: string): string {
  const reason = namespace === sasl2Namespace ? `<${condition} xmlns='${saslNamespace}'/>` : `<${condition}/>`
  return `<failure xmlns='${namespace}'>${reason}</failure>`
}
