import * as http from 'node:http'
import * as https from 'node:https'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import type { Clock, Timer } from '../lib/clock.js'
import { connectProblem } from '../lib/connect-problem.js'
import type { ProblemCode, Step } from '../lib/errors.js'
import { CertificateFault } from '../servers/net/certificate-fault.js'
import { withoutContent } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import type { XmlLimits } from '../xmpp/xml/limits.js'
import { type Sink, Splitter } from '../xmpp/xml/splitter.js'
import { readUtf8 } from '../xmpp/xml/utf8.js'
import { XmlError } from '../xmpp/xml/xml-error.js'
import { connectionFault, RemoteFault } from './remote-fault.js'

/** Times are in seconds. */
interface RequestLimits {
  /** Includes TLS. */
  readonly connect: number
  readonly reply: number
  readonly maxReplyBytes: number
  /** If set, the reply is XML: elements beyond `maxReplyBytes` or these limits are dropped. */
  readonly elements?: XmlLimits
}

/** A connection of an earlier request, or the protocol of a new connection. */
export type SentOver = 'known' | 'tls' | 'tcp'

export interface RequestOptions {
  readonly method: 'GET' | 'POST'
  readonly headers: http.OutgoingHttpHeaders
  readonly body?: string
  readonly agent: http.Agent
  readonly limits: RequestLimits
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly reached?: ((step: Step) => void) | undefined
  /** Called with the memory of each kept chunk in bytes, and at the end with the negative sum. */
  readonly gathered?: ((bytes: number) => void) | undefined
  readonly onSent?: ((over: SentOver) => void) | undefined
}

export type HttpReply = Awaited<ReturnType<typeof readReply>>

const mostTimes = 16
/** Memory for a chunk besides its bytes. */
const pieceBytes = 512

/** Follows no redirect. Rejects with a `RemoteFault`. */
export function sendRequest(url: URL, options: RequestOptions): Promise<HttpReply> {
  const { method, headers, body, agent, limits, clock, signal, reached, gathered = () => {}, onSent } = options
  return new Promise((resolve, reject) => {
    let step: Step = 'connect'
    let timer: Timer
    const request = (url.protocol === 'https:' ? https : http).request(url, { method, headers, agent, signal })
    const fail = (error: unknown) => {
      timer.cancel()
      request.destroy()
      reject(error instanceof RemoteFault ? error : faultOf(error, step, request))
    }
    const reach = (next: Step) => {
      step = next
      reached?.(next)
    }
    const expectWithin = (seconds: number) => {
      timer = clock.after(seconds * 1000, () => fail(faultAt(step, 'timeout')))
    }
    const connected = (over: SentOver) => {
      reach('features')
      onSent?.(over)
      timer.cancel()
      expectWithin(limits.reply)
    }
    reach('connect')
    expectWithin(limits.connect)
    request.on('socket', socket => {
      const isTls = socket instanceof TLSSocket
      if (request.reusedSocket) {
        connected('known')
        return
      }
      const onConnect = () => (isTls ? reach('tls') : connected('tcp'))
      if (socket.connecting) socket.once('connect', onConnect)
      else onConnect()
      if (isTls) socket.once('secureConnect', () => connected('tls'))
    })
    request.on('error', fail)
    request.on('response', response => {
      readReply(response, limits, gathered).then(reply => {
        timer.cancel()
        resolve(reply)
      }, fail)
    })
    request.end(body)
  })
}

async function readReply(
  response: http.IncomingMessage,
  { maxReplyBytes, elements }: RequestLimits,
  gathered: (bytes: number) => void,
) {
  const status = response.statusCode ?? 0
  const mostBytes = elements === undefined ? maxReplyBytes : mostTimes * maxReplyBytes
  const chunks: Buffer[] = []
  let bytes = 0
  let kept = 0
  let long: ReturnType<typeof longReply> | undefined
  try {
    if (Number(response.headers['content-length'] ?? 0) > mostBytes) throw unreadable('is too long')
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > mostBytes) throw unreadable('is too long')
      chunks.push(chunk)
      if (long === undefined) {
        kept += chunk.length + pieceBytes
        gathered(chunk.length + pieceBytes)
      }
      if (bytes <= maxReplyBytes) continue
      long ??= longReply(maxReplyBytes, elements!)
      for (const unread of chunks.splice(0)) long.write(unread)
    }
    if (long !== undefined) return { status, ...long.end() }
    const body = readUtf8(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    if (body === undefined) throw unreadable('is not UTF-8')
    return { status, body, dropped: undefined }
  } finally {
    gathered(-kept)
  }
}

function unreadable(how: string): RemoteFault {
  return faultAt('features', 'remote-protocol-error', new Error(`the reply ${how}`))
}

function faultOf(error: unknown, step: Step, { socket, host }: http.ClientRequest): RemoteFault {
  const { code, cert } = error as NodeJS.ErrnoException & { readonly cert?: PeerCertificate }
  if (error instanceof XmlError || code?.startsWith('HPE_')) return faultAt(step, 'remote-protocol-error', error)
  if (code === undefined) return faultAt(step, 'internal-error', error)
  if (step === 'connect' && code !== 'ABORT_ERR') return faultAt(step, connectProblem(error as Error), error)
  if (step !== 'tls' || !(socket instanceof TLSSocket) || socket.authorizationError == null)
    return faultAt(step, 'remote-connection-failed', error)
  // After the close, only the error contains the certificate.
  const certificate = cert ?? socket.getPeerCertificate()
  const cause = new CertificateFault(String(socket.authorizationError), certificate, host)
  return faultAt(step, 'certificate-invalid', cause)
}

const faultAt = (step: Step, code: ProblemCode, cause?: unknown) => connectionFault({ step, code, cause })

/** Drops elements that are too large, too many, or beyond `maxBytes`. Throws an `XmlError`. */
function longReply(maxBytes: number, limits: XmlLimits) {
  const dropped: (Element | undefined)[] = []
  let body = ''
  let bytes = 0
  let endTag = ''
  let isWhole = false
  const sink: Sink = {
    onOpen({ qualifiedName, names, values }) {
      const attributes = names.map((name, index) => ` ${name}='${escapeXml(values[index]!)}'`).join('')
      body = `<${qualifiedName}${attributes}>`
      bytes = Buffer.byteLength(body)
      endTag = `</${qualifiedName}>`
    },
    onElement(element) {
      const { text } = element
      const length = Buffer.byteLength(text)
      if (bytes + length > maxBytes) {
        dropped.push({ ...element, text: withoutContent(text) })
        return
      }
      body += text
      bytes += length
    },
    onDropped: element => void dropped.push(element),
    onClose() {
      isWhole = true
    },
  }
  const splitter = new Splitter(sink, limits, { lenient: true })
  return {
    write: (chunk: Buffer) => splitter.write(chunk),
    end() {
      if (!isWhole) throw new XmlError('not-well-formed', 'the reply breaks off')
      return { body: body + endTag, dropped }
    },
  }
}
