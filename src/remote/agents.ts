import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import type { TlsRules } from '../c2s/tls.js'
import type { RemoteEndpoint } from '../config/config.js'
import { createLookup, demandAllowed, type LookupParts } from './lookup.js'

/**
 * Connections that are kept for later, at most, and for how long, in milliseconds. Those in use have no such limit: each
 * session has one request held nearly all the time, so that the fifty-first would have to wait for the end of another.
 */
const keptOpen = { maxFreeSockets: 50, timeout: 300_000 }

/** Contexts are costly to make and the same for every connection to an endpoint. */
const contexts = new WeakMap<RemoteEndpoint, SecureContext>()

export interface AgentParts {
  readonly tls: TlsRules
  readonly lookup: LookupParts
}

/**
 * The connections to one host. `lasting` ones are shared and kept open, a `passing` one serves a single request.
 * Throws a `RemoteFault` where the host is none to connect to.
 */
export function createAgent(
  url: URL,
  about: RemoteEndpoint,
  { tls, lookup }: AgentParts,
  kind: 'lasting' | 'passing',
): HttpAgent {
  demandAllowed(url, lookup)
  const keeping = kind === 'lasting' ? { keepAlive: true, ...keptOpen } : {}
  const options = { noDelay: true, lookup: createLookup(lookup), ...keeping }
  if (url.protocol !== 'https:') return new HttpAgent(options)
  return new HttpsAgent({
    ...options,
    secureContext: secureContextOf(about, tls),
    rejectUnauthorized: about.verify,
  })
}

function secureContextOf(about: RemoteEndpoint, tls: TlsRules): SecureContext {
  let context = contexts.get(about)
  if (context === undefined) {
    context = createSecureContext({
      minVersion: tls.minVersion,
      ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
      ...(about.ca === undefined ? {} : { ca: [...rootCertificates, about.ca] }),
    })
    contexts.set(about, context)
  }
  return context
}
