import type { ProblemCode } from '../lib/errors.js'
import { longestValue } from '../servers/c2s/stream-header.js'
import type { LinkEnd } from '../xmpp/link.js'
import { boshNamespace, isNamed, stanzaNamespace, streamsNamespace } from '../xmpp/namespaces.js'
import type { SessionTerms } from '../xmpp/page-binding.js'
import { streamEnd } from '../xmpp/stream-errors.js'
import { copyOf } from '../xmpp/xml/copy-of.js'
import { withoutContent } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { defaultLimits } from '../xmpp/xml/limits.js'
import type { Root } from '../xmpp/xml/root.js'
import { type Sink, Splitter } from '../xmpp/xml/splitter.js'
import { protocolFault, RemoteFault } from './remote-fault.js'

export type EndpointReply = Awaited<ReturnType<typeof readReply>>

/** XEP-0124 §17.2. Any other condition means a failed connection. */
const byCondition: ReadonlyMap<string | undefined, ProblemCode> = new Map([
  ['host-unknown', 'host-unknown'],
  ['host-gone', 'host-unknown'],
  ['improper-addressing', 'host-unknown'],
  ['remote-stream-error', 'remote-stream-error'],
])

/** A longer reply, in multiples of `maxBytes`, is refused. */
const mostTimes = 16
const limits = { ...defaultLimits, maxChildren: 10_000 }
const usualWait = 60
/** Memory of a stanza besides its text. */
const stanzaBytes = 300
/** Characters. A dropped stanza whose start tag is longer gets no answer. */
const longestTag = 4096

/**
 * Drops stanzas that are too large, too many, or beyond `maxBytes`. `gathered` is called with each change of the memory
 * in bytes. Rejects with an `XmlError` or a `RemoteFault`.
 */
export async function readReply(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
  gathered: (bytes: number) => void = () => {},
) {
  const children: Element[] = []
  const dropped: (Element | undefined)[] = []
  let root: Root | undefined
  let isWhole = false
  let bytes = 0
  let droppedBytes = 0
  function drop(element: Element | undefined): void {
    const isKept = element !== undefined && element.text.length <= longestTag
    dropped.push(isKept ? copied(element) : undefined)
    droppedBytes += stanzaBytes + (isKept ? element.text.length : 0)
  }
  const sink: Sink = {
    onOpen(opened) {
      root = opened
    },
    onElement(element) {
      const { text } = element
      const length = Buffer.byteLength(text)
      if (bytes + length > maxBytes) return void drop({ ...element, text: withoutContent(text) })
      bytes += length
      children.push(element)
    },
    onDropped: drop,
    onClose() {
      isWhole = true
    },
  }
  const options = { meantNamespace: stanzaNamespace, lenient: true }
  const splitter = new Splitter(sink, limits, options)
  let read = 0
  let kept = 0
  try {
    for await (const chunk of chunks) {
      read += chunk.length
      if (read > mostTimes * maxBytes) throw protocolFault(new Error('the reply is too long'))
      splitter.write(chunk)
      const before = kept
      kept = bytes + droppedBytes + stanzaBytes * children.length + splitter.unfinishedBytes
      gathered(kept - before)
    }
  } finally {
    gathered(-kept)
  }
  if (root === undefined || !isWhole) throw protocolFault(new Error('the reply breaks off'))
  return meaningOf(root, children, dropped)
}

const copied = ({ name, namespace, text }: Element): Element => ({
  name: copyOf(name),
  namespace: copyOf(namespace),
  text: copyOf(text),
})

function meaningOf(root: Root, children: readonly Element[], dropped: readonly (Element | undefined)[]) {
  if (root.name !== 'body' || root.namespace !== boshNamespace) throw protocolFault()
  const type = root.attribute('type')
  // The endpoint has not processed the request, so the request can be repeated (XEP-0124 §17.3).
  if (type === 'error') throw new RemoteFault({ step: 'features', code: 'remote-connection-failed' }, 'broke')
  if (type !== 'terminate') return { root, payload: children, dropped, end: undefined }
  const payload = children.filter(({ namespace }) => namespace !== streamsNamespace && namespace !== boshNamespace)
  return { root, payload, dropped, end: readEnd(root, children) }
}

function readEnd(root: Root, children: readonly Element[]): LinkEnd {
  const error = children.find(isNamed('error', streamsNamespace))
  if (error !== undefined) return streamEnd(error, 'features')
  const condition = root.attribute('condition')
  const code = byCondition.get(condition) ?? 'remote-connection-failed'
  return { failure: { step: 'features', code, ...(condition !== undefined && { condition }) } }
}

/** XEP-0124 §7.2. Throws an `XmlError` if the sid, which each request repeats, is too long. */
export function readTerms(root: Root, askedWait: number): SessionTerms | undefined {
  const number = (name: string) => {
    const text = root.attribute(name)
    return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined
  }
  const sid = root.kept('sid', longestValue)
  if (sid === undefined || sid === '') return undefined
  return {
    sid,
    // A longer time would also be that in which a reply may arrive.
    wait: Math.min(number('wait') ?? usualWait, Math.max(askedWait, usualWait)),
    hold: number('hold') ?? 1,
    requests: number('requests') ?? 2,
    inactivity: number('inactivity') ?? 60,
    polling: number('polling') ?? 5,
    maxpause: number('maxpause'),
    ver: /^\d{1,5}\.\d{1,5}$/.exec(root.attribute('ver') ?? '')?.[0] ?? '1.6',
  }
}
