import type { RemoteEndpoint } from '../config/config.js'
import { createAgent, type EndpointParts } from './http-agents.js'
import { type HttpReply, sendRequest } from './http-request.js'
import { RemoteFault, unexpectedStatus } from './remote-fault.js'

const maxDocumentBytes = 64 * 1024

export type DocumentParts = Pick<EndpointParts, 'settings' | 'tls' | 'names' | 'clock'>

/** Follows no redirect. Rejects with a `RemoteFault`. */
export function documentFetcher(url: string, { settings, tls, names, clock }: DocumentParts) {
  const target = new URL(url)
  const about: RemoteEndpoint = { url, plain: true, ca: undefined, verify: true }
  const endpointParts = { about, settings, tls, names, clock, port: 443, publicOnly: false }
  return async (): Promise<string> => {
    const { status, body } = await fetchDocument(target, endpointParts, { Accept: 'application/json' })
    if (status === 200) return body
    const failure = { step: 'features', code: 'remote-connection-failed', cause: unexpectedStatus(status) } as const
    throw new RemoteFault(failure)
  }
}

export async function fetchDocument(
  url: URL,
  parts: EndpointParts,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpReply> {
  const { settings, clock } = parts
  return await sendRequest(url, {
    method: 'GET',
    headers: { ...headers, 'Accept-Encoding': 'identity' },
    agent: createAgent(url, parts, 'passing'),
    limits: { connect: settings.connectTimeout, reply: settings.timeout, maxReplyBytes: maxDocumentBytes },
    clock,
  })
}
