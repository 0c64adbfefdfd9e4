import type { Config } from '../config/config.js'
import type { Clock } from '../lib/clock.js'
import type { Failure } from '../link.js'
import { type AgentParts, createAgent } from './agents.js'
import { type EndpointReply, readReply } from './endpoint-reply.js'
import { RemoteFault, unexpectedStatus } from './fault.js'
import { type HttpReply, type RequestOptions, sendRequest } from './http-request.js'

/** What all endpoints of an entry in the settings have in common. */
export interface EndpointParts extends AgentParts {
  readonly settings: Config['remote']
  readonly clock: Clock
}

type PostOptions = Pick<RequestOptions, 'signal' | 'reached' | 'leaves'>

/** What endpoints that know only the protocol's first version mean by a status (XEP-0124 §17.1). */
const legacyConditions: Partial<Record<number, string>> = {
  400: 'bad-request',
  403: 'policy-violation',
  404: 'item-not-found',
}

/** Another server's BOSH endpoint, over HTTP. */
export type Endpoint = ReturnType<typeof createEndpoint>

/** Throws a `RemoteFault` where this service may not connect to the host. */
export function createEndpoint(url: string, parts: EndpointParts) {
  const { settings, clock } = parts
  const address = new URL(url)
  const lasting = createAgent(address, parts, 'lasting')
  const passing = createAgent(address, parts, 'passing')
  // A header may be there more than once.
  const byName = new Map<string, string[]>()
  for (const [name, value] of settings.headers) {
    const key = name.toLowerCase()
    byName.set(key, [...(byName.get(key) ?? []), value])
  }
  const usualHeaders = {
    ...Object.fromEntries(byName),
    'Content-Type': 'text/xml; charset=utf-8',
    'Accept-Encoding': 'identity',
  }

  /**
   * Posts a `<body/>` that may be held for so many seconds, and resolves with the reply, of any status; `afresh` on a
   * new connection, because kept ones may be broken. Rejects with a `RemoteFault`.
   */
  function post(body: string, waitSeconds: number, options: PostOptions = {}, afresh = false) {
    const limits = {
      connect: settings.connectTimeout,
      reply: waitSeconds + settings.timeout,
      maxReplyBytes: settings.maxReplyBytes,
      mayThin: true,
    }
    const headers = { ...usualHeaders, 'Content-Length': Buffer.byteLength(body) }
    const agent = afresh ? passing : lasting
    return sendRequest(address, { ...options, method: 'POST', headers, body, agent, limits, clock })
  }

  return {
    /** Its public address. */
    url,
    post,

    /**
     * Sends a request of a session, and reads the reply. What breaks on the way is sent once more, rid and all: an endpoint
     * that had it already gives its reply again (XEP-0124 §14.3). Rejects with a `RemoteFault`.
     */
    async exchange(body: string, waitSeconds: number, creates: boolean, options: PostOptions) {
      try {
        return readHttpReply(await post(body, waitSeconds, options), creates)
      } catch (error) {
        const isBroken = error instanceof RemoteFault && error.aftermath === 'broke'
        if (!isBroken || options.signal?.aborted) throw error
        return readHttpReply(await post(body, waitSeconds, options, true), creates)
      }
    },

    /** Closes all connections, those of held requests too. */
    close(): void {
      lasting.destroy()
      passing.destroy()
    },
  }
}

/** Throws a `RemoteFault` for another status than 200. */
function readHttpReply({ status, body, fates }: HttpReply, creates: boolean): EndpointReply {
  if (status === 200) return readReply(body, fates)
  const cause = unexpectedStatus(status)
  const failure: Failure = { step: 'features', code: 'remote-connection-failed', cause }
  if (status >= 500) throw new RemoteFault(failure, 'broke')
  const condition = legacyConditions[status]
  if (condition === undefined) throw new RemoteFault(failure)
  // Nothing is there, or nothing for this host name.
  if (creates && status === 404) throw new RemoteFault({ step: 'connect', code: 'host-unknown', cause })
  throw new RemoteFault({ ...failure, condition }, 'ended')
}
