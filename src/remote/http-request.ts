import { type Agent, type ClientRequest, request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import { connectProblem, type ProblemCode, type Step } from '../errors.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Failure } from '../link.js'
import { CertificateFault } from '../net/certificate-fault.js'
import type { Fate } from '../xml/element.js'
import { readUtf8 } from '../xml/utf8.js'
import { XmlError } from '../xml/xml-error.js'
import { RemoteFault } from './fault.js'
import { LongReply } from './long-reply.js'
import { LookupError } from './lookup.js'

/** How long a request may take and how long its reply may be. Times are in seconds. */
export interface RequestLimits {
  /** Until the connection stands, TLS included. */
  readonly connect: number
  /** From then until the reply is there. */
  readonly reply: number
  readonly maxReplyBytes: number
  /** Whether elements may be left out of a longer reply, up to `mostTimes` as long, because it is XML. */
  readonly mayThin?: boolean
}

export interface RequestOptions {
  readonly method: 'GET' | 'POST'
  readonly headers: OutgoingHttpHeaders
  readonly body?: string
  readonly agent: Agent
  readonly limits: RequestLimits
  readonly clock: Clock
  /** Aborting it hangs up. */
  readonly signal?: AbortSignal | undefined
  /** Called with how far the connection has come. */
  readonly reached?: ((step: Step) => void) | undefined
  /** Called when the request leaves, with whether its connection was made for it. */
  readonly leaves?: ((isNew: boolean) => void) | undefined
}

/** A reply over HTTP, of any status. */
export interface HttpReply {
  readonly status: number
  readonly body: string
  /** What became of elements that were left out or changed, where the reply was too long. */
  readonly fates?: readonly Fate[]
}

/** How many times as long as what is kept of it a reply may be. */
const mostTimes = 16

/** Sends one HTTP request and reads its reply whole; redirects are not followed. Rejects with a `RemoteFault`. */
export function sendRequest(url: URL, options: RequestOptions): Promise<HttpReply> {
  return new Promise((resolve, reject) => new HttpRequest(url, options, resolve, reject))
}

class HttpRequest {
  readonly #options: RequestOptions
  readonly #request: ClientRequest
  readonly #resolve: (reply: HttpReply) => void
  readonly #reject: (fault: RemoteFault) => void
  #step: Step = 'connect'
  #timer: Timer | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  /** Reads the reply once it is too long to be kept whole. */
  #long: LongReply | undefined

  constructor(
    url: URL,
    options: RequestOptions,
    resolve: (reply: HttpReply) => void,
    reject: (fault: RemoteFault) => void,
  ) {
    const { method, headers, agent, signal, body, limits } = options
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest
    this.#request = start(url, { method, headers, agent })
    options.reached?.(this.#step)
    this.#expectWithin(limits.connect)
    this.#request.on('socket', socket => this.#follow(socket))
    this.#request.on('error', error => this.#broken(error))
    this.#request.on('response', response => {
      const announced = Number(response.headers['content-length'] ?? 0)
      if (announced > mostBytes(limits)) this.#tooLong()
      response.on('data', (chunk: Buffer) => this.#read(chunk))
      response.on('error', error => this.#broken(error))
      response.on('end', () => this.#finish(response.statusCode ?? 0))
    })
    signal?.addEventListener('abort', this.#leave, { once: true })
    if (signal?.aborted) this.#leave()
    else this.#request.end(body)
  }

  readonly #leave = () => this.#fail('remote-connection-failed', this.#options.signal?.reason)

  /** Notes how far the connection has come. */
  #follow(socket: Socket): void {
    if (this.#request.reusedSocket) {
      this.#connected(false)
      return
    }
    const isTls = socket instanceof TLSSocket
    socket.once('connect', () => {
      if (isTls) this.#reach('tls')
      else this.#connected(true)
    })
    if (isTls) socket.once('secureConnect', () => this.#connected(true))
  }

  #connected(isNew: boolean): void {
    if (this.#timer === undefined) return
    this.#reach('features')
    this.#options.leaves?.(isNew)
    this.#expectWithin(this.#options.limits.reply)
  }

  #reach(step: Step): void {
    this.#step = step
    this.#options.reached?.(step)
  }

  #expectWithin(seconds: number): void {
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(seconds * 1000, () => this.#fail('timeout'))
  }

  #read(chunk: Buffer): void {
    this.#bytes += chunk.length
    const { limits } = this.#options
    if (this.#bytes <= limits.maxReplyBytes) this.#chunks.push(chunk)
    else if (this.#bytes > mostBytes(limits)) this.#tooLong()
    else this.#readLong(limits.maxReplyBytes, chunk)
  }

  #readLong(maxReplyBytes: number, chunk: Buffer): void {
    const isFirst = this.#long === undefined
    this.#long ??= new LongReply(maxReplyBytes)
    try {
      if (isFirst) for (const before of this.#chunks.splice(0)) this.#long.write(before)
      this.#long.write(chunk)
    } catch (error) {
      this.#misunderstood(error)
    }
  }

  /** The reply is not XML, or reading it threw something else. */
  #misunderstood(error: unknown): void {
    this.#fail(error instanceof XmlError ? 'remote-protocol-error' : 'internal-error', error)
  }

  #tooLong(): void {
    this.#fail('remote-protocol-error', new Error('the reply is too long'))
  }

  #finish(status: number): void {
    if (this.#long !== undefined) {
      this.#finishLong(this.#long, status)
      return
    }
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const body = readUtf8(bytes)
    if (body === undefined) {
      this.#fail('remote-protocol-error', new Error('the reply is not UTF-8'))
      return
    }
    this.#settle()
    this.#resolve({ status, body })
  }

  #finishLong(long: LongReply, status: number): void {
    try {
      const reply = { status, ...long.end() }
      this.#settle()
      this.#resolve(reply)
    } catch (error) {
      this.#misunderstood(error)
    }
  }

  #broken(error: NodeJS.ErrnoException): void {
    const { socket } = this.#request
    // An error of the HTTP parser.
    if (error.code?.startsWith('HPE_')) this.#fail('remote-protocol-error', error)
    else if (this.#step === 'connect') this.#refuse(new RemoteFault(dialFailure(error)))
    else if (this.#step === 'tls' && socket instanceof TLSSocket && socket.authorizationError != null)
      this.#fail('certificate-invalid', this.#certificateFault(error, socket))
    else this.#fail('remote-connection-failed', error)
  }

  /** Once the connection is closed, only the error may still have the certificate. */
  #certificateFault(error: Error & { readonly cert?: PeerCertificate }, socket: TLSSocket): CertificateFault {
    const certificate = error.cert ?? socket.getPeerCertificate()
    return new CertificateFault(String(socket.authorizationError), certificate, this.#request.host)
  }

  #fail(code: ProblemCode, cause?: unknown): void {
    const failure = { step: this.#step, code, ...(cause === undefined ? {} : { cause }) }
    const isBroken = code === 'remote-connection-failed' || code === 'timeout'
    this.#refuse(new RemoteFault(failure, isBroken && this.#step === 'features' ? 'broke' : 'none'))
  }

  #refuse(fault: RemoteFault): void {
    this.#settle()
    this.#request.destroy()
    this.#reject(fault)
  }

  #settle(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#chunks = []
    this.#options.signal?.removeEventListener('abort', this.#leave)
  }
}

function mostBytes({ maxReplyBytes, mayThin = false }: RequestLimits): number {
  return mayThin ? mostTimes * maxReplyBytes : maxReplyBytes
}

/** What an error before the connection stood says about the endpoint. */
function dialFailure(error: Error): Failure {
  if (error instanceof LookupError) return error.failure
  return { step: 'connect', code: connectProblem(error), cause: error }
}
