import { maxHeaderSize, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Received } from '../access/client-rules.js'
import type { NoteRequest } from '../access/refused-requests.js'
import { answerInText, answerText } from '../answers/node-answers.js'
import { rawSocket, replyUnderWay } from '../fast/reply-under-way.js'

/** `rawPacket`: what the parser could not read. */
interface ReadError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer
}

interface Refusal {
  readonly status: number
  readonly sentence: string
  readonly reason: string
  readonly setting?: string
}

const refusals: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    sentence: `The headers of the request are longer than ${maxHeaderSize} bytes.`,
    reason: 'long-headers',
    setting: 'NODE_OPTIONS=--max-http-header-size',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    sentence: 'The chunk extensions of the request are too long.',
    reason: 'long-chunk-extensions',
  },
  // Mostly a client that hung up.
  HPE_INVALID_EOF_STATE: { status: 400, sentence: 'The request ended too early.', reason: 'incomplete' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, sentence: 'The request took too long to arrive.', reason: 'slow-request' },
}

const unreadable: Refusal = { status: 400, sentence: 'This is not an HTTP request.', reason: 'unreadable' }
const encrypted: Refusal = { status: 400, sentence: 'This port takes no TLS.', reason: 'https-to-http-port' }
/** RFC 8446 §5.1. */
const tlsHandshake = 22

/**
 * Answers with the statuses of Node.js, adds a sentence, and logs the reason. Failed TLS handshakes get a line only.
 * `isUnused` is true if a client has sent nothing: browsers open connections ahead.
 */
export function refuseUnreadable(server: Server, note: NoteRequest, isUnused = hasSentNothing): void {
  server.on('clientError', ({ code = '', rawPacket }: ReadError, socket: Socket) => {
    const unread = rawPacket?.[0] === tlsHandshake ? encrypted : unreadable
    const refusal = refusals[code] ?? (code.startsWith('HPE_') ? unread : undefined)
    const about = aboutClient(socket)
    if (refusal === undefined) noteHandshake(code, socket, about, note, isUnused)
    else if (!isUnused(socket)) note(about, refusal.reason, refusal.setting)
    const isBegun = replyUnderWay(socket)?.headersSent === true
    if (refusal !== undefined && socket.writable && !isBegun) socket.write(answerText(refusal.status, refusal.sentence))
    socket.destroy()
  })
}

const hasSentNothing = ({ bytesRead }: Socket) => bytesRead === 0

export function refuseExpectation(note: NoteRequest): RequestListener {
  return (req, res) => {
    note(req, 'expectation')
    // A body may follow, which must not be read as the next request.
    answerInText(res, 417, 'The header Expect may only be 100-continue.', ['Connection', 'close'])
  }
}

/** Until a handshake is done, only the socket below TLS has the address in a PROXY header. */
function aboutClient(socket: Socket): Received {
  return { socket: socket instanceof TLSSocket ? rawSocket(socket) : socket, headers: {} }
}

function noteHandshake(
  code: string,
  socket: Socket,
  about: ReturnType<typeof aboutClient>,
  note: NoteRequest,
  isUnused: typeof hasSentNothing,
): void {
  const isUntrusted = socket instanceof TLSSocket && Boolean(socket.authorizationError)
  if (isUntrusted || code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE')
    note(about, 'client-certificate', 'TLS_CLIENT_AUTH')
  else if (code === 'ERR_SSL_HTTP_REQUEST') note(about, 'http-to-https-port')
  else if (code.startsWith('ERR_SSL_') || (code === 'ERR_TLS_HANDSHAKE_TIMEOUT' && !isUnused(about.socket)))
    note(about, 'tls-handshake')
}
