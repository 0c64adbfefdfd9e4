import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { RemoteEndpoint } from '../config/config.js'
import { type TlsRules, tlsContext } from '../net/tls-context.js'
import { createLookup, demandAllowed, type LookupParts } from './lookup.js'

/**
 * How many unused connections are kept for later, and for how long, in milliseconds. Connections in use have no such limit:
 * each session has one request held nearly all the time, so that the fifty-first would have to wait for another to end.
 */
const keptOpen = { maxFreeSockets: 50, timeout: 300_000 }

export interface AgentParts {
  readonly tls: TlsRules
  readonly lookup: LookupParts
}

/**
 * The connections to one host. `lasting` ones are shared and kept open, a `passing` one serves a single request.
 * Throws a `RemoteFault` where this service may not connect to the host.
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
    secureContext: tlsContext(about, tls),
    rejectUnauthorized: about.verify,
  })
}
