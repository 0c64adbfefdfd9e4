import type { Config } from '../config/config.js'
import { attempt } from '../lib/attempt.js'
import type { Failure } from '../xmpp/link.js'
import { boshRelation, isNamed, xrdNamespace } from '../xmpp/namespaces.js'
import { documentReader, startTagOf } from '../xmpp/xml/document.js'
import { defaultLimits } from '../xmpp/xml/limits.js'
import { type FetchedDocument, fetchDocument } from './fetched-document.js'
import type { RequestParts } from './http-request.js'
import { RemoteFault, unexpectedStatus } from './remote-fault.js'

export interface EndpointParts extends RequestParts, Partial<Pick<Config['remote'], 'headers'>> {
  /** Of host-meta. */
  readonly port: number
  /** By which this service knows its own requests, if an endpoint leads back to it. */
  readonly pseudonym: string
  readonly maxReplyBytes?: number
}

/** XEP-0156 §2. */
export async function findEndpoint(domain: string, parts: EndpointParts): Promise<string | Failure> {
  const fetch = (name: string) => fetchDocument(new URL(`https://${domain}:${parts.port}/.well-known/${name}`), parts)
  try {
    const json = await fetch('host-meta.json')
    const found = linkIn(json, linksInJson)
    if (found !== undefined) return found
    const xrd = await fetch('host-meta')
    const busy = [xrd, json].find(({ status }) => status >= 500 || status === 429)
    const failure = { step: 'resolve', code: busy === undefined ? 'host-unknown' : 'remote-connection-failed' } as const
    if (xrd.status !== 200) return { ...failure, cause: unexpectedStatus((busy ?? xrd).status) }
    return linkIn(xrd, linksInXrd) ?? failure
  } catch (cause) {
    if (cause instanceof RemoteFault) return { ...cause.failure, step: 'resolve' }
    return { step: 'resolve', code: 'internal-error', cause }
  }
}

type Links = readonly ({ readonly rel?: unknown; readonly href?: unknown } | null)[]

function linkIn({ status, body }: FetchedDocument, read: (document: string) => Links): string | undefined {
  if (status !== 200) return undefined
  return attempt(() => read(body))
    ?.filter(link => link?.rel === boshRelation)
    .map(link => secureAddress(link?.href))
    .find(href => href !== undefined)
}

/** RFC 6415 §3. Throws if the document is not JSON. */
function linksInJson(document: string): Links {
  const { links } = JSON.parse(document) as { links?: unknown }
  return Array.isArray(links) ? links : []
}

/** XML 1.0 §2.5. */
const comments = /<!--(?:[^-]|-[^-])*-->/g

const xrds = documentReader({ ...defaultLimits, maxChildren: 1000 })

/** RFC 6415 §2. Throws an `XmlError`. */
export function linksInXrd(document: string): Links {
  // Unlike XMPP, XRD documents may contain comments. A comment without an end stays, and is refused.
  const { root, children } = xrds(document.replace(comments, ''))
  if (root.name !== 'XRD' || root.namespace !== xrdNamespace) return []
  return children.filter(isNamed('Link', xrdNamespace)).map(({ text }) => {
    const tag = startTagOf(text)
    return { rel: tag.attribute('rel'), href: tag.attribute('href') }
  })
}

/** Each request repeats it. */
const longestUrl = 2048

/** Replies over plain HTTP could be forged (XEP-0156 §2.2). */
function secureAddress(href: unknown): string | undefined {
  const url = typeof href === 'string' && URL.canParse(href) ? new URL(href) : undefined
  if (url === undefined || url.href.length > longestUrl) return undefined
  const isSecure = url.protocol === 'https:' && url.hash + url.username + url.password === ''
  return isSecure ? url.href : undefined
}
