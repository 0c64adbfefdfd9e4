import type { ProblemCode } from '../lib/errors.js'
import type { LinkEnd } from '../xmpp/link.js'
import { boshNamespace, stanzaNamespace, streamsNamespace } from '../xmpp/namespaces.js'
import type { SessionTerms } from '../xmpp/page-binding.js'
import { streamEnd } from '../xmpp/stream-errors.js'
import { copyOf } from '../xmpp/xml/copy-of.js'
import { type Document, documentReader } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import type { XmlLimits } from '../xmpp/xml/limits.js'
import type { Root } from '../xmpp/xml/root.js'
import { RemoteFault } from './remote-fault.js'

export type EndpointReply = ReturnType<ReturnType<typeof replyReader>>

/** XEP-0124 §17.2. Any other condition means a failed connection. */
const byCondition: ReadonlyMap<string | undefined, ProblemCode> = new Map([
  ['host-unknown', 'host-unknown'],
  ['host-gone', 'host-unknown'],
  ['improper-addressing', 'host-unknown'],
  ['remote-stream-error', 'remote-stream-error'],
])

export function replyReader(limits: XmlLimits) {
  const replies = documentReader(limits, { meantNamespace: stanzaNamespace, lenient: true })
  return (text: string, earlier: Document['dropped'] = []) => readReply(readDocument(replies, text), earlier)
}

function readReply({ root, children, dropped: found }: Document, earlier: Document['dropped']) {
  const dropped = [...earlier, ...found]
  if (root.name !== 'body' || root.namespace !== boshNamespace)
    throw new RemoteFault({ step: 'features', code: 'remote-protocol-error' })
  const type = root.attribute('type')
  // The endpoint has not processed the request, so the request can be repeated (XEP-0124 §17.3).
  if (type === 'error') throw new RemoteFault({ step: 'features', code: 'remote-connection-failed' }, 'broke')
  if (type !== 'terminate') return { root, payload: children, dropped, end: undefined }
  const payload = children.filter(({ namespace }) => namespace !== streamsNamespace && namespace !== boshNamespace)
  return { root, payload, dropped, end: readEnd(root, children) }
}

function readDocument(read: (text: string) => Document, text: string): Document {
  try {
    return read(text)
  } catch (cause) {
    throw new RemoteFault({ step: 'features', code: 'remote-protocol-error', cause })
  }
}

function readEnd(root: Root, children: readonly Element[]): LinkEnd {
  const error = children.find(({ name, namespace }) => name === 'error' && namespace === streamsNamespace)
  if (error !== undefined) return streamEnd(error, 'features')
  const condition = root.attribute('condition')
  const code = byCondition.get(condition) ?? 'remote-connection-failed'
  return { failure: { step: 'features', code, ...(condition !== undefined && { condition }) } }
}

/** XEP-0124 §7.2. */
export function readTerms(root: Root): SessionTerms | undefined {
  const number = (name: string) => {
    const text = root.attribute(name)
    return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined
  }
  const sid = root.attribute('sid')
  if (sid === undefined || sid === '') return undefined
  return {
    sid: copyOf(sid),
    wait: number('wait') ?? 60,
    hold: number('hold') ?? 1,
    requests: number('requests') ?? 2,
    inactivity: number('inactivity') ?? 60,
    polling: number('polling') ?? 5,
    maxpause: number('maxpause'),
    ver: /^\d{1,5}\.\d{1,5}$/.exec(root.attribute('ver') ?? '')?.[0] ?? '1.6',
  }
}
