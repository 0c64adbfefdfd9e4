import type { Agent } from 'node:http'
import type { Config, RemoteEndpoint } from '../config/config.js'
import { createAgent, type Outgoing } from '../servers/net/http-agents.js'
import { tlsContext } from '../servers/net/tls-context.js'
import { connectionFault } from './remote-fault.js'

/** Connections in use are not limited, because each session holds a request. */
const keptOpen = { keepAlive: true, maxFreeSockets: 50, timeout: 300_000 }

/** Of requests. Times are in seconds. Parts of longer replies are dropped. */
export const endpointLimits = { connectTimeout: 5, timeout: 5, maxReplyBytes: 8_000_000 }

export interface RequestParts extends Outgoing {
  /** Without a URL, host-meta names the endpoint. */
  readonly about: RemoteEndpoint
  readonly settings: typeof endpointLimits & Partial<Pick<Config['remote'], 'headers'>>
  readonly publicOnly: boolean
}

export interface EndpointParts extends RequestParts {
  /** Of host-meta. */
  readonly port: number
}

/** Throws a `RemoteFault`. */
export function agentFor(url: URL, parts: RequestParts, kind: 'lasting' | 'passing'): Agent {
  const { about, settings, proxies, names, clock, publicOnly } = parts
  return createAgent(url, {
    proxies,
    names,
    clock,
    connectTimeout: settings.connectTimeout,
    errorOf: connectionFault,
    publicOnly,
    usesDns: about.url === undefined,
    ...(kind === 'lasting' && { options: keptOpen }),
    tls: { secureContext: tlsContext(about), rejectUnauthorized: about.verify },
  })
}
