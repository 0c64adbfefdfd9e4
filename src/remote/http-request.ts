import * as http from 'node:http'
import * as https from 'node:https'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import type { RemoteEndpoint } from '../config/config.js'
import type { Clock, Timer } from '../lib/clock.js'
import { connectProblem } from '../lib/connect-problem.js'
import type { ProblemCode, Step } from '../lib/errors.js'
import { CertificateFault } from '../servers/net/certificate-fault.js'
import { createAgent, limitInterim, type Outgoing } from '../servers/net/http-agents.js'
import { tlsContext } from '../servers/net/tls-context.js'
import { XmlError } from '../xmpp/xml/xml-error.js'
import { connectionFault, protocolFault, RemoteFault, unexpectedStatus } from './remote-fault.js'

/** Connections in use are not limited, because each session holds a request. */
const keptOpen = { keepAlive: true, maxFreeSockets: 50, timeout: 300_000 }
/** Of an endpoint that host-meta of any domain names. */
const briefly = { keepAlive: true, maxFreeSockets: 2, timeout: 10_000 }

/** Includes TLS. */
const connectSeconds = 5
/** Besides the time in which the endpoint may hold the request. */
const replySeconds = 5

export interface RequestParts extends Outgoing {
  /** Without a URL, host-meta names the endpoint. */
  readonly about: RemoteEndpoint
  readonly publicOnly: boolean
}

/** Throws a `RemoteFault`. */
export function agentFor(url: URL, parts: RequestParts, kind: 'lasting' | 'passing'): http.Agent {
  const { about, proxies, names, clock, publicOnly } = parts
  return createAgent(url, {
    proxies,
    names,
    clock,
    connectTimeout: connectSeconds,
    errorOf: connectionFault,
    publicOnly,
    usesDns: about.url === undefined,
    ...(kind === 'lasting' && { options: about.url === undefined ? briefly : keptOpen }),
    tls: { secureContext: tlsContext(about), rejectUnauthorized: about.verify },
  })
}

/** A connection of an earlier request, or the protocol of a new connection. */
export type SentOver = 'known' | 'tls' | 'tcp'

export interface RequestOptions<Reply> {
  readonly method: 'GET' | 'POST'
  readonly headers: http.OutgoingHttpHeaders
  readonly body?: string
  readonly agent: http.Agent
  /** Time in which the endpoint may hold the request. */
  readonly waitSeconds?: number
  /** Reads the whole reply. If this rejects, the connection is closed. */
  readonly read: (response: http.IncomingMessage) => Promise<Reply>
  readonly signal?: AbortSignal | undefined
  readonly reached?: ((step: Step) => void) | undefined
  readonly onSent?: ((over: SentOver) => void) | undefined
}

/** Follows no redirect. Rejects with a `RemoteFault`. */
export function sendRequest<Reply>(url: URL, clock: Clock, options: RequestOptions<Reply>): Promise<Reply> {
  const { method, headers, body, agent, waitSeconds = 0, read, signal, reached, onSent } = options
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
      expectWithin(waitSeconds + replySeconds)
    }
    reach('connect')
    expectWithin(connectSeconds)
    request.on('socket', socket => {
      // The agent has connected it.
      if (request.reusedSocket) connected('known')
      else if (socket instanceof TLSSocket) {
        reach('tls')
        socket.once('secureConnect', () => connected('tls'))
      } else connected('tcp')
    })
    request.on('error', fail)
    // Without this, Node.js closes the connection and reports nothing.
    request.on('upgrade', (_response, socket) => {
      socket.destroy()
      fail(protocolFault(unexpectedStatus(101)))
    })
    limitInterim(request, () => fail(protocolFault(new Error('it sends too many interim responses'))))
    request.on('response', response => {
      read(response).then(reply => {
        timer.cancel()
        resolve(reply)
      }, fail)
    })
    request.end(body)
  })
}

function faultOf(error: unknown, step: Step, { socket, host }: http.ClientRequest): RemoteFault {
  const { code, cert } = error as NodeJS.ErrnoException & { readonly cert?: PeerCertificate }
  if (error instanceof XmlError || code?.startsWith('HPE_')) return faultAt(step, 'remote-protocol-error', error)
  if (code === undefined) return faultAt(step, 'internal-error', error)
  if (step === 'connect') return faultAt(step, connectProblem(error as Error), error)
  if (step !== 'tls' || !(socket instanceof TLSSocket) || socket.authorizationError == null)
    return faultAt(step, 'remote-connection-failed', error)
  // After the close, only the error contains the certificate.
  const certificate = cert ?? socket.getPeerCertificate()
  const cause = new CertificateFault(String(socket.authorizationError), certificate, host)
  return faultAt(step, 'certificate-invalid', cause)
}

const faultAt = (step: Step, code: ProblemCode, cause?: unknown) => connectionFault({ step, code, cause })
