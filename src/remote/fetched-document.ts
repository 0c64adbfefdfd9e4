import type { IncomingMessage } from 'node:http'
import type { RemoteEndpoint } from '../config/config.js'
import { readUtf8 } from '../xmpp/xml/utf8.js'
import { agentFor, type RequestParts, sendRequest } from './http-request.js'
import { protocolFault, RemoteFault, unexpectedStatus } from './remote-fault.js'

export type FetchedDocument = Awaited<ReturnType<typeof read>>

const maxDocumentBytes = 64 * 1024

export type DocumentParts = Pick<RequestParts, 'proxies' | 'names' | 'clock'>

/** Follows no redirect. Rejects with a `RemoteFault`. */
export function documentFetcher(url: string, { proxies, names, clock }: DocumentParts) {
  const target = new URL(url)
  const about: RemoteEndpoint = { url, allowsPlain: true, ca: undefined, verify: true }
  const agentParts = { about, proxies, names, clock, publicOnly: false }
  return async (): Promise<string> => {
    const { status, body } = await fetchDocument(target, agentParts, { Accept: 'application/json' })
    if (status === 200) return body
    throw new RemoteFault({ step: 'features', code: 'remote-connection-failed', cause: unexpectedStatus(status) })
  }
}

export async function fetchDocument(
  url: URL,
  parts: RequestParts,
  headers: Readonly<Record<string, string>> = {},
): Promise<FetchedDocument> {
  return await sendRequest(url, parts.clock, {
    method: 'GET',
    headers: { ...headers, 'Accept-Encoding': 'identity' },
    agent: agentFor(url, parts, 'passing'),
    read,
  })
}

/** Reads no error pages, which may be long, or in another encoding. */
async function read(response: IncomingMessage) {
  const { statusCode: status = 0 } = response
  if (status !== 200) {
    response.destroy()
    return { status, body: '' }
  }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxDocumentBytes) throw protocolFault(new Error('the reply is too long'))
    chunks.push(chunk)
  }
  const body = readUtf8(Buffer.concat(chunks))
  if (body === undefined) throw protocolFault(new Error('the reply is not UTF-8'))
  return { status, body }
}
