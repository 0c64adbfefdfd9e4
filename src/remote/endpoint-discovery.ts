import type { RemoteEndpoint } from '../config/config.js'
import { type Answer, AnswerCache } from '../lib/answer-cache.js'
import type { Failure } from '../link.js'
import { boshRelation, xrdNamespace } from '../namespaces.js'
import { withoutComments } from '../xml/comments.js'
import { DocumentReader, startTagOf } from '../xml/document.js'
import { defaultLimits } from '../xml/limits.js'
import { createAgent } from './agents.js'
import type { EndpointParts } from './endpoint.js'
import { RemoteFault, UnexpectedStatus } from './fault.js'
import { type HttpReply, sendRequest } from './http-request.js'

/** Longest document that is read, in bytes. */
const maxDocumentBytes = 64 * 1024
/** How long an endpoint is remembered, and that there is none, in seconds. */
const foundSeconds = 600
const absentSeconds = 30
/** Domains that are remembered. */
const mostDomains = 1000

export interface DiscoveryParts extends EndpointParts {
  /** Where the hosts of the domains answer; 443 unless a test has its own. */
  readonly port: number
}

/** Finds the BOSH endpoints that domains publish in their host-meta (XEP-0156 §3), and remembers them. */
export class EndpointDiscovery {
  readonly #parts: DiscoveryParts
  readonly #about: RemoteEndpoint
  readonly #found: AnswerCache<string | Failure>

  /** All domains that are looked up share this entry of the settings. */
  constructor(about: RemoteEndpoint, parts: DiscoveryParts) {
    this.#about = about
    this.#parts = parts
    this.#found = new AnswerCache(parts.clock, mostDomains, domain => this.#look(domain))
  }

  /** The address of a domain's endpoint. Rejects with a `RemoteFault`. */
  async endpointOf(domain: string): Promise<string> {
    const found = await this.#found.to(domain)
    if (typeof found !== 'string') throw new RemoteFault(found)
    return found
  }

  async #look(domain: string): Promise<Answer<string | Failure>> {
    try {
      return { value: await this.#ask(domain), seconds: foundSeconds }
    } catch (error) {
      const { failure } =
        error instanceof RemoteFault ? error : { failure: { code: 'internal-error', cause: error } as const }
      // For a login, all of this is one step: the search for the endpoint.
      return { value: { ...failure, step: 'resolve' }, seconds: absentSeconds }
    }
  }

  async #ask(domain: string): Promise<string> {
    const json = await this.#fetch(domain, 'host-meta.json')
    const inJson = json.status === 200 ? linkIn(json.body, linksInJson) : undefined
    if (inJson !== undefined) return inJson
    const xrd = await this.#fetch(domain, 'host-meta')
    const inXrd = xrd.status === 200 ? linkIn(xrd.body, linksInXrd) : undefined
    if (inXrd !== undefined) return inXrd
    const code = xrd.status >= 500 ? 'remote-connection-failed' : 'host-unknown'
    const cause = xrd.status === 200 ? undefined : new UnexpectedStatus(xrd.status)
    throw new RemoteFault({ step: 'resolve', code, ...(cause === undefined ? {} : { cause }) })
  }

  async #fetch(domain: string, name: string): Promise<HttpReply> {
    const { settings, clock, port } = this.#parts
    const url = new URL(`https://${domain}:${port}/.well-known/${name}`)
    return sendRequest(url, {
      method: 'GET',
      headers: { 'Accept-Encoding': 'identity' },
      agent: createAgent(url, this.#about, this.#parts, 'passing'),
      limits: {
        connect: settings.connectTimeout,
        reply: settings.timeout,
        maxReplyBytes: maxDocumentBytes,
      },
      clock,
    })
  }
}

/** As it stands in a document. */
export interface Link {
  readonly rel?: unknown
  readonly href?: unknown
}

/** The first usable address of a BOSH endpoint in a document; undefined where there is none, or it is not to be read. */
function linkIn(document: string, read: (document: string) => readonly Link[]): string | undefined {
  try {
    return read(document)
      .filter(({ rel }) => rel === boshRelation)
      .map(({ href }) => (typeof href === 'string' ? secureAddress(href) : undefined))
      .find(href => href !== undefined)
  } catch {
    return undefined
  }
}

/** The links in a document in JSON, unchecked (RFC 6415 §3). Throws for what is no JSON. */
function linksInJson(document: string): readonly Link[] {
  const { links } = JSON.parse(document) as { links?: unknown }
  return Array.isArray(links) ? links.filter(link => typeof link === 'object' && link !== null) : []
}

/** More links than any domain has. */
const xrds = new DocumentReader({ ...defaultLimits, maxChildren: 1000 })

/** The links in a document in XML (RFC 6415 §2). Throws an `XmlError` for what is no XML. */
export function linksInXrd(document: string): readonly Link[] {
  // Written by hand more often than not, and comments are refused in XMPP only.
  const { root, children } = xrds.read(withoutComments(document))
  if (root.name !== 'XRD' || root.namespace !== xrdNamespace) return []
  return children
    .filter(({ name, namespace }) => name === 'Link' && namespace === xrdNamespace)
    .map(({ text }) => {
      const tag = startTagOf(text)
      return { rel: tag.attribute('rel'), href: tag.attribute('href') }
    })
}

/** The address where it is https: others could have been forged on the way (XEP-0156 §5). */
function secureAddress(href: string): string | undefined {
  const url = URL.canParse(href) ? new URL(href) : undefined
  if (url === undefined || url.protocol !== 'https:' || url.hash !== '') return undefined
  return url.username + url.password === '' ? url.href : undefined
}
