import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { clientAddress } from '../../http/access/client-rules.js'
import { senderOf } from '../../http/access/sender.js'
import { answerPage, inertHeaders } from '../../http/answers/node-answers.js'
import { isCoded } from '../../http/bodies/content-coding.js'
import { pipeBody } from '../../http/bodies/pipe-body.js'
import type { NoteRefusal } from '../../lib/limits/refusal-log.js'
import { allowedHeaders } from './cors.js'
import { HttpPeer, type HttpPeerParts } from './http-peer.js'
import { breakOff, corsOf, fail } from './http-reply.js'

interface ListenerParts extends HttpPeerParts {
  /** In `Via` of the requests that this service sends to remote endpoints (RFC 9110 §7.6.3). */
  readonly pseudonym: string
  readonly externalUrl: string | undefined
  readonly noteRefusal: NoteRefusal
}

/** Status, sentence, and the setting that decides. */
const refusals = {
  address: [403, 'Clients with this address may not connect here.', 'BOSH_ALLOW'],
  origin: [
    403,
    'Pages of this origin may not connect here. An operator can list the origin in CORS_ORIGINS.',
    'CORS_ORIGINS',
  ],
  navigation: [403, 'This address is for XMPP clients (XEP-0124). Forms and links cannot use it.', undefined],
  method: [405, 'Send BOSH requests with POST.', undefined],
  loop: [508, 'The BOSH endpoint of this domain is this service itself: it cannot log in to itself.', 'XMPP_SERVERS'],
  compressed: [415, 'The request must not be compressed. Send it without Content-Encoding.', undefined],
} as const satisfies Record<string, readonly [number, string, string | undefined]>

type Reason = keyof typeof refusals

const headersOf: Readonly<Record<number, readonly string[]>> = {
  405: ['Allow', 'GET, HEAD, OPTIONS, POST'],
  415: ['Accept-Encoding', 'identity'],
}

/** XEP-0124 §5. */
export function createBoshListener(parts: ListenerParts): RequestListener {
  return (req, res) => {
    try {
      const reason = whyRefused(req, res, parts)
      if (reason !== undefined) refuse(req, res, parts, reason)
      else if (req.method === 'POST') post(req, res, parts)
      else if (req.method === 'OPTIONS') preflight(req, res, parts)
      else answerPage(req, res, parts.endpoint, corsOf(res, parts).answer)
    } catch (error) {
      breakOff(res, parts, error)
    }
  }
}

function whyRefused(req: IncomingMessage, res: ServerResponse, parts: ListenerParts): Reason | undefined {
  const { method, headers } = req
  const { access, clients } = parts.endpoint
  if (access?.(clientAddress(req, clients)) === false) return 'address'
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return undefined
  if (method !== 'POST') return 'method'
  if (headers.via?.includes(parts.pseudonym) === true) return 'loop'
  if (headers['sec-fetch-mode'] === 'navigate') return 'navigation'
  // Without CORS headers, a foreign page could open a session but not read the reply.
  if (corsOf(res, parts).answer.length === 0 && isForeign(headers, parts.externalUrl)) return 'origin'
  return isCoded(headers['content-encoding']) ? 'compressed' : undefined
}

/** A page of a refused origin sends nothing but this. */
function preflight(req: IncomingMessage, res: ServerResponse, parts: ListenerParts): void {
  const { preflight } = corsOf(res, parts)
  if (preflight.length === 0 && isForeign(req.headers, parts.externalUrl)) note(req, parts, 'origin')
  const asked = preflight.length > 0 ? allowedHeaders(req.headers['access-control-request-headers']) : []
  res.writeHead(204, [...inertHeaders, ...preflight, ...asked]).end()
}

function post(req: IncomingMessage, res: ServerResponse, parts: ListenerParts): void {
  parts.transport.counts.requests += 1
  const announced = req.headers['content-length']
  const length = announced === undefined ? undefined : Number(announced)
  const peer = new HttpPeer(res, parts, length)
  if (length !== undefined && length > parts.maxBodyBytes) peer.awaitHead()
  pipeBody(req, res, peer)
}

function isForeign(headers: IncomingHttpHeaders, externalUrl: string | undefined): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'cross-site' || site === 'same-site'
  // Browsers send no `Sec-Fetch-Site` over plain HTTP.
  return headers.origin === 'null' || senderOf(headers, externalUrl) === 'elsewhere'
}

function refuse(req: IncomingMessage, res: ServerResponse, parts: ListenerParts, reason: Reason): void {
  const [status, sentence] = refusals[reason]
  if (req.method === 'POST') {
    parts.transport.counts.requests += 1
    parts.transport.counts.failedRequests += 1
  }
  note(req, parts, reason)
  fail(res, parts, status, sentence, headersOf[status])
  req.resume()
}

function note(req: IncomingMessage, parts: ListenerParts, reason: Reason): void {
  const origin = reason === 'origin' ? req.headers.origin : undefined
  parts.noteRefusal(reason, clientAddress(req, parts.endpoint.clients), refusals[reason][2], origin)
}
