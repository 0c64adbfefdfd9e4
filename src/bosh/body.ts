import { hash } from 'node:crypto'
import type { Condition } from '../errors.js'
import { boshNamespace, stanzaNamespace, streamsNamespace } from '../namespaces.js'
import { DocumentReader } from '../xml/document.js'
import { escapeXml } from '../xml/escape.js'
import { defaultLimits, type Element, type Root } from '../xml/scanner.js'

const xboshNamespace = 'urn:xmpp:xbosh'
const xmlNamespace = 'http://www.w3.org/XML/1998/namespace'

/**
 * A `<body/>` request in values. A number is undefined where its attribute is absent, and NaN where it is not
 * an integer in its range (XEP-0124 §22).
 */
export interface Body {
  readonly sid: string | undefined
  readonly rid: number | undefined
  readonly to: string | undefined
  readonly from: string | undefined
  readonly wait: number | undefined
  readonly hold: number | undefined
  readonly pause: number | undefined
  readonly ack: number | undefined
  readonly key: string | undefined
  readonly newkey: string | undefined
  readonly ver: string | undefined
  readonly content: string | undefined
  readonly lang: string | undefined
  /** Asks for the end of the session; `terminal` is what drafts and gloox say. */
  readonly terminate: boolean
  /** Undefined where the attribute is no boolean. */
  readonly restart: boolean | undefined
  /** SHA-256 of the whole request, to tell a repetition from something else under the same rid. */
  readonly digest: string
  /** The children, each fit to stand alone in a stream. */
  readonly payload: readonly Element[]
}

/** A request with the wrong root; its XML may be fine. */
export class NotABody extends Error {
  override readonly name = 'NotABody'
}

/** Limits of one request; its size in bytes is limited by the listener before it gets here. */
const limits = { ...defaultLimits, maxElementBytes: Number.POSITIVE_INFINITY, maxChildren: 100 }

const requests = new DocumentReader(limits, { meantNamespace: stanzaNamespace })

/** Reads a request. Throws an `XmlError`, or `NotABody` where the root is something else. */
export function parseBody(text: string): Body {
  const { root, children } = requests.read(text)
  // As few characters as it has bytes: those of several requests are kept for each session.
  return read(root, children, hash('sha256', text, 'binary'))
}

function read({ name, namespace, attributes }: Root, children: readonly Element[], digest: string): Body {
  if (name !== 'body' || namespace !== boshNamespace) throw new NotABody('the root is not a <body/>')
  let lang: string | undefined
  let restart: string | undefined
  for (const qualified in attributes) {
    const { local, uri, value } = attributes[qualified]!
    if (local === 'lang' && uri === xmlNamespace) lang = value
    else if (local === 'restart' && (uri === xboshNamespace || uri === '')) restart = value
  }
  const type = attributes['type']?.value
  return {
    sid: attributes['sid']?.value,
    rid: integer(attributes['rid']?.value, 1, Number.MAX_SAFE_INTEGER),
    to: attributes['to']?.value,
    from: attributes['from']?.value,
    wait: integer(attributes['wait']?.value, 0, 65535),
    hold: integer(attributes['hold']?.value, 0, 255),
    pause: integer(attributes['pause']?.value, 1, 65535),
    ack: integer(attributes['ack']?.value, 0, Number.MAX_SAFE_INTEGER),
    key: attributes['key']?.value,
    newkey: attributes['newkey']?.value,
    ver: attributes['ver']?.value,
    content: attributes['content']?.value,
    lang,
    terminate: type === 'terminate' || type === 'terminal',
    restart: boolean(restart),
    digest,
    payload: children,
  }
}

function integer(text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max ? value : Number.NaN
}

function boolean(text: string | undefined): boolean | undefined {
  if (text === undefined || text === 'false' || text === '0') return false
  return text === 'true' || text === '1' ? true : undefined
}

/** `<body/>` with nothing in it (XEP-0124 §8). */
export const emptyBody = `<body xmlns='${boshNamespace}'/>`

/** The reply to a request that was sent again on another connection (XEP-0124 §17.3). */
export const errorBody = `<body type='error' xmlns='${boshNamespace}'/>`

/** Writes a reply. `attributes` come with a leading space each; `payload` is whole elements. */
export function writeBody(attributes: string, payload: string, hasStreamElement = false): string {
  if (attributes === '' && payload === '') return emptyBody
  const stream = hasStreamElement ? ` xmlns:stream='${streamsNamespace}'` : ''
  const start = `<body${attributes} xmlns='${boshNamespace}'${stream}`
  return payload === '' ? `${start}/>` : `${start}>${payload}</body>`
}

/** Writes the reply that ends a session, without a condition where the client asked for it (XEP-0124 §13, §17.2). */
export function writeTerminate(condition: Condition | undefined, streamError?: string): string {
  const attributes =
    condition === undefined ? " type='terminate'" : ` type='terminate' condition='${condition}'`
  return writeBody(attributes, streamError ?? '', streamError !== undefined)
}

/** Writes the reply to a client that has to come over another address (XEP-0124 §17.2). */
export function writeSeeOther(uri: string): string {
  return writeBody(" type='terminate' condition='see-other-uri'", `<uri>${escapeXml(uri)}</uri>`)
}

/** An attribute with a leading space, or nothing where there is no value. */
export function attribute(name: string, value: string | number | undefined): string {
  return value === undefined ? '' : ` ${name}='${typeof value === 'number' ? value : escapeXml(value)}'`
}
