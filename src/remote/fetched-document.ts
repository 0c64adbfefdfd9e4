import type { RemoteEndpoint } from '../config/config.js'
import { createAgent, type EndpointParts } from './agents.js'
import { RemoteFault, unexpectedStatus } from './fault.js'
import { sendRequest } from './http-request.js'

const maxDocumentBytes = 64 * 1024

export type DocumentParts = Pick<EndpointParts, 'settings' | 'tls' | 'names' | 'clock'>

/** Follows no redirect. Rejects with a `RemoteFault`. */
export function documentFetcher(url: string, { settings, tls, names, clock }: DocumentParts) {
  const target = new URL(url)
  const about: RemoteEndpoint = { url, plain: true, ca: undefined, verify: true }
  const agentParts = { about, settings, tls, names, clock, port: 443, publicOnly: false }
  const limits = { connect: settings.connectTimeout, reply: settings.timeout, maxReplyBytes: maxDocumentBytes }
  const headers = { Accept: 'application/json', 'Accept-Encoding': 'identity' }
  return async (): Promise<string> => {
    const agent = createAgent(target, agentParts, 'passing')
    const { status, body } = await sendRequest(target, { method: 'GET', headers, agent, limits, clock })
    if (status === 200) return body
    const failure = { step: 'features', code: 'remote-connection-failed', cause: unexpectedStatus(status) } as const
    throw new RemoteFault(failure)
  }
}
