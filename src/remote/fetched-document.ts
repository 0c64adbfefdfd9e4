import type { RemoteEndpoint } from '../config/config.js'
import { agentFor, endpointLimits, type RequestParts } from './endpoint-agents.js'
import { type HttpReply, sendRequest } from './http-request.js'
import { RemoteFault, unexpectedStatus } from './remote-fault.js'

const maxDocumentBytes = 64 * 1024

export type DocumentParts = Pick<RequestParts, 'tls' | 'proxies' | 'names' | 'clock'>

/** Follows no redirect. Rejects with a `RemoteFault`. */
export function documentFetcher(url: string, { tls, proxies, names, clock }: DocumentParts) {
  const target = new URL(url)
  const about: RemoteEndpoint = { url, allowsPlain: true, ca: undefined, verify: true }
  const agentParts = { about, settings: endpointLimits, tls, proxies, names, clock, publicOnly: false }
  return async (): Promise<string> => {
    const { status, body } = await fetchDocument(target, agentParts, { Accept: 'application/json' })
    if (status === 200) return body
    const failure = { step: 'features', code: 'remote-connection-failed', cause: unexpectedStatus(status) } as const
    throw new RemoteFault(failure)
  }
}

export async function fetchDocument(
  url: URL,
  parts: RequestParts,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpReply> {
  const { settings, clock } = parts
  return await sendRequest(url, {
    method: 'GET',
    headers: { ...headers, 'Accept-Encoding': 'identity' },
    agent: agentFor(url, parts, 'passing'),
    limits: { connect: settings.connectTimeout, reply: settings.timeout, maxReplyBytes: maxDocumentBytes },
    clock,
  })
}
