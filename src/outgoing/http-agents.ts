// All HTTP requests of the service to others use these agents.

import { type AgentOptions, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent, type AgentOptions as TlsOptions } from 'node:https'
import { isIP } from 'node:net'
import type { Clock } from '../lib/clock.js'
import { withoutBrackets } from '../lib/text/without-brackets.js'
import { allowed } from '../servers/net/allowed-addresses.js'
import type { NameLookup } from '../servers/net/name-lookup.js'
import type { Failure } from '../xmpp/link.js'
import { useConnections } from './http-connections.js'
import { type Proxies, proxyFor } from './proxy-choice.js'

export interface Outgoing {
  readonly proxies: Proxies
  readonly names: Pick<NameLookup, 'addressesOf'>
  readonly clock: Clock
}

export interface AgentParts extends Outgoing {
  /** In seconds, without TLS. */
  readonly connectTimeout: number
  readonly errorOf: (failure: Failure) => Error
  /** Through a proxy too, names are then looked up here, and the proxy gets an address. */
  readonly publicOnly?: boolean
  readonly usesDns?: boolean
  readonly options?: AgentOptions
  readonly tls?: Pick<TlsOptions, 'secureContext' | 'rejectUnauthorized'>
}

/** Throws an error of `errorOf` for an IP address that is not allowed. */
export function createAgent(url: URL, parts: AgentParts): HttpAgent {
  const { proxies, names, clock, connectTimeout, errorOf, publicOnly = false, usesDns = false, options, tls } = parts
  const address = withoutBrackets(url.hostname)
  const given = isIP(address) === 0 ? undefined : allowed([address], publicOnly)
  if (given !== undefined && 'code' in given) throw errorOf(given)
  const proxy = proxyFor(url, proxies)
  const find = async (host: string) => allowed(await names.addressesOf({ host, usesDns }), publicOnly)
  const agent = url.protocol === 'https:' ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options)
  useConnections(agent, {
    clock,
    proxy,
    findProxy: async host => allowed(await names.addressesOf({ host }), false),
    find: proxy === undefined || publicOnly ? find : undefined,
    errorOf,
    connectTimeout,
  })
  return agent
}
