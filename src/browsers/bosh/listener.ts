import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { clientAddress, type PublicEndpoint } from '../../http/access/client-rules.js'
import { senderOf } from '../../http/access/sender.js'
import { answerPage, inertHeaders } from '../../http/answers/node-answers.js'
import { awaitsContinue } from '../../http/bodies/expect-continue.js'
import { pipeBody } from '../../http/bodies/pipe-body.js'
import { HttpPeer, type HttpPeerParts } from './http-peer.js'
import { breakOff, corsOf, fail } from './http-reply.js'

interface ListenerParts extends HttpPeerParts, PublicEndpoint {
  readonly externalUrl: string | undefined
}

/** XEP-0124 §5. */
export function createBoshListener(parts: ListenerParts): RequestListener {
  return (req, res) => {
    try {
      answer(req, res, parts)
    } catch (error) {
      breakOff(res, parts, error)
    }
  }
}

function answer(req: IncomingMessage, res: ServerResponse, parts: ListenerParts): void {
  if (parts.access?.(clientAddress(req, parts.clients)) === false) {
    if (req.method === 'POST') refusePost(req, res, parts, 403)
    else fail(res, parts, 403)
    return
  }
  switch (req.method) {
    case 'POST':
      post(req, res, parts)
      break
    case 'GET':
    case 'HEAD':
      answerPage(req, res, parts, corsOf(res, parts).answer)
      break
    case 'OPTIONS':
      res.writeHead(204, [...inertHeaders, ...corsOf(res, parts).preflight]).end()
      break
    default:
      fail(res, parts, 405, 'Allow', 'GET, HEAD, OPTIONS, POST')
  }
}

function post(req: IncomingMessage, res: ServerResponse, parts: ListenerParts): void {
  const { headers } = req
  // Without CORS headers, a foreign page could open a session but not read the reply.
  const isUnreadable = corsOf(res, parts).answer.length === 0 && isForeign(headers, parts.externalUrl)
  if (isUnreadable || headers['sec-fetch-mode'] === 'navigate') {
    refusePost(req, res, parts, 403)
    return
  }
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    refusePost(req, res, parts, 415)
    return
  }
  parts.counts.requests += 1
  const announced = headers['content-length']
  const length = announced === undefined ? undefined : Number(announced)
  const peer = new HttpPeer(res, parts, length)
  if (length !== undefined && length > parts.maxBodyBytes) {
    if (awaitsContinue(res)) {
      peer.refuseTooLarge()
      return
    }
    peer.awaitHead()
  }
  pipeBody(req, res, peer)
}

function isForeign(headers: IncomingHttpHeaders, externalUrl: string | undefined): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'cross-site' || site === 'same-site'
  // Browsers send no `Sec-Fetch-Site` over plain HTTP.
  return headers.origin === 'null' || senderOf(headers, externalUrl) === 'elsewhere'
}

function refusePost(req: IncomingMessage, res: ServerResponse, parts: ListenerParts, status: number): void {
  parts.counts.requests += 1
  parts.counts.failedRequests += 1
  fail(res, parts, status)
  req.resume()
}
