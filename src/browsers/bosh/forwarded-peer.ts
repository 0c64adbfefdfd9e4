import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { isDropped } from '../../forwarding/forward-request.js'
import { type AnswerHeaders, isRefusal, refuseStream } from '../../forwarding/forwarded-headers.js'
import type { Lost, PeerLink } from '../../forwarding/peer-links.js'
import { leaving } from '../../forwarding/peer-listener.js'
import { noAnswer, type Peer, type Reply, type Settled } from './peer.js'

interface About extends Pick<Peer, 'address' | 'secure' | 'browser'> {
  /** Of the body, in bytes. */
  readonly length: number
}

const aboutHeader = 'warm-bosh'

/** Follows the request's body when the reply has left for the client. */
const sentMark = 's'

/**
 * Sends a request of a session to the process that has the session, and its reply to the client. Resolves with undefined
 * when the reply is sent or the client has gone, or with how the request was lost. The caller then answers.
 */
export function forwardText(link: PeerLink, text: string, peer: Peer): Promise<Lost | undefined> {
  const { address, secure, browser, cookies } = peer
  const about: About = { address, secure, browser, length: Buffer.byteLength(text) }
  const headers: OutgoingHttpHeaders = { ':method': 'POST', ':path': '/', ':authority': 'peer' }
  headers[aboutHeader] = JSON.stringify(about)
  if (cookies !== undefined) headers['cookie'] = cookies
  const stream = link.request(headers)
  stream.write(text)
  let head: AnswerHeaders | undefined
  const chunks: Buffer[] = []
  const end = () => void stream.end()
  let isAnswered = false
  stream
    .once('response', response => {
      head = response
    })
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .once('end', () => {
      const isWhole = head !== undefined && stream.rstCode === constants.NGHTTP2_NO_ERROR
      if (!isWhole || isRefusal(head!)) return end()
      isAnswered = true
      peer.answer(replyOf(head!, chunks), isSent => void stream.end(isSent ? sentMark : undefined))
    })
  // Not a reset, because `nghttp2` closes the links of a peer that resets many streams.
  peer.whenGone = end
  return new Promise(resolve => {
    stream.once('close', () => {
      peer.whenGone = undefined
      if (isAnswered) return resolve(undefined)
      if (head !== undefined && isRefusal(head)) return resolve('refused')
      if (isDropped(stream, link)) peer.answer(noAnswer)
      else if (!peer.gone) return resolve(link.lost)
      resolve(undefined)
    })
  })
}

const textIn = (chunks: readonly Buffer[]) => (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString()

function replyOf(head: AnswerHeaders, chunks: readonly Buffer[]): Reply {
  const setCookie = head['set-cookie']?.[0]
  return {
    status: head[':status']!,
    body: textIn(chunks),
    contentType: head['content-type']!,
    ...(setCookie !== undefined && { setCookie }),
  }
}

/**
 * A request of a session that another process forwards. It does without Node's requests and responses, which would cost
 * more than the session's work.
 */
export class ForwardedPeer implements Peer {
  readonly cameFromPeer = true
  readonly mayBeLate = true
  readonly secureUrl = undefined
  readonly address: string
  readonly secure: boolean
  readonly browser: string | undefined
  readonly cookies: string | undefined
  whenGone: (() => void) | undefined
  whenHurried: (() => void) | undefined
  #hasLeft = false
  readonly #stream: ServerHttp2Stream
  #isAnswered = false
  #settled: Settled | undefined

  private constructor(stream: ServerHttp2Stream, { address, secure, browser }: About, cookies: string | undefined) {
    this.#stream = stream
    this.address = address
    this.secure = secure
    this.browser = browser
    this.cookies = cookies
    stream
      .once('end', this.#onEnd)
      .once('close', () => {
        this.#onEnd()
        this.#settle(false)
      })
      .once(leaving, () => this.whenHurried?.())
  }

  /** A link that breaks destroys all its streams, which then close one after the other. */
  get gone(): boolean {
    return this.#hasLeft || this.#stream.destroyed
  }

  /** Returns false if the stream is no such request. Otherwise, `serve` gets it with its whole body. */
  static accept(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    serve: (text: string, peer: ForwardedPeer) => void,
  ): boolean {
    const text = headers[aboutHeader] as string | undefined
    if (text === undefined) return false
    const about = JSON.parse(text) as About
    const peer = new ForwardedPeer(stream, about, headers.cookie)
    const chunks: Buffer[] = []
    let left = about.length
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      left -= chunk.length
      // The listener stays while the request is held.
      if (left === 0) serve(textIn(chunks.splice(0)), peer)
      else if (left < 0) peer.#settle(true)
    })
    return true
  }

  /** Before the reply, the end of the stream says that the client has gone. */
  readonly #onEnd = (): void => {
    if (this.#isAnswered || this.#hasLeft) return
    this.#hasLeft = true
    this.whenGone?.()
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  answer({ status, contentType, setCookie, body }: Reply, settled?: Settled): void {
    if (this.#isAnswered || this.gone) return void settled?.(false)
    this.#isAnswered = true
    this.#settled = settled
    if (status === 0) return void this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    const headers: OutgoingHttpHeaders = { ':status': status, 'content-type': contentType }
    if (setCookie !== undefined) headers['set-cookie'] = setCookie
    this.#stream.respond(headers)
    this.#stream.end(body)
  }

  #settle(isSent: boolean): void {
    const settled = this.#settled
    this.#settled = undefined
    settled?.(isSent)
  }

  /** The session is not here. The other process may ask elsewhere. */
  refuse(): void {
    if (this.#isAnswered || this.gone) return
    this.#isAnswered = true
    refuseStream(this.#stream)
  }
}
