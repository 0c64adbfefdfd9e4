import type { ProblemCode } from '../errors.js'
import type { LinkEnd } from '../link.js'
import { boshNamespace, stanzaNamespace, streamsNamespace } from '../namespaces.js'
import { streamFailure } from '../stream-errors.js'
import { DocumentReader } from '../xml/document.js'
import type { Element, Fate } from '../xml/element.js'
import { defaultLimits } from '../xml/limits.js'
import type { Root } from '../xml/root.js'
import { RemoteFault } from './fault.js'

/** A `<body/>` that came from a remote endpoint. */
export interface EndpointReply {
  /** As it came. */
  readonly text: string
  readonly root: Root
  /** What it carries, each element fit to stand alone in a stream. */
  readonly payload: readonly Element[]
  /** What became of elements that could not be passed on as they were. */
  readonly fates: readonly Fate[]
  /** How the endpoint ended the session, if it did. */
  readonly end: LinkEnd | undefined
}

const replies = new DocumentReader(defaultLimits, { meantNamespace: stanzaNamespace, lenient: true })

/** The conditions of XEP-0124 §17.2 that are not simply the end of a connection. */
const byCondition: Partial<Record<string, ProblemCode>> = {
  'host-unknown': 'host-unknown',
  'host-gone': 'host-unknown',
  'improper-addressing': 'host-unknown',
  'remote-stream-error': 'remote-stream-error',
}

/**
 * Reads a reply, of which elements may have been mended or dropped `before`. Throws a `RemoteFault` for what is none, and
 * for one that asks for the request once more.
 */
export function readReply(text: string, before: readonly Fate[] = []): EndpointReply {
  const { root, children, fates: found } = readDocument(text)
  const fates = before.length === 0 ? found : [...before, ...found]
  if (root.name !== 'body' || root.namespace !== boshNamespace)
    throw new RemoteFault({ step: 'features', code: 'remote-protocol-error' })
  const type = root.attribute('type')
  // The request counts as not received (XEP-0124 §17.3).
  if (type === 'error') throw new RemoteFault({ step: 'features', code: 'remote-connection-failed' }, 'broke')
  if (type !== 'terminate') return { text, root, payload: children, fates, end: undefined }
  const payload = children.filter(
    ({ namespace }) => namespace !== streamsNamespace && namespace !== boshNamespace,
  )
  return { text, root, payload, fates, end: readEnd(root, children) }
}

function readDocument(text: string) {
  try {
    return replies.read(text)
  } catch (cause) {
    throw new RemoteFault({ step: 'features', code: 'remote-protocol-error', cause })
  }
}

function readEnd(root: Root, children: readonly Element[]): LinkEnd {
  const streamError = children.find(
    ({ name, namespace }) => name === 'error' && namespace === streamsNamespace,
  )
  if (streamError !== undefined)
    return { failure: streamFailure(streamError, 'features'), streamError: streamError.text }
  const condition = root.attribute('condition')
  const code = byCondition[condition ?? ''] ?? 'remote-connection-failed'
  return { failure: { step: 'features', code, ...(condition === undefined ? {} : { condition }) } }
}
