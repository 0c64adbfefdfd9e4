import { maxHeaderSize, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Received } from '../access/client-rules.js'
import type { NoteRequest } from '../access/refused-requests.js'
import { answerInText, answerText } from '../answers/node-answers.js'
import { tinyChunks } from '../fast/fast-request.js'
import { rawSocket, replyUnderWay } from '../fast/reply-under-way.js'

/** `rawPacket`: what the parser could not read. */
interface ReadError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer
}

/** `setting` decides about the refusal. */
type Refusal = readonly [status: number, sentence: string, reason: string, setting?: string]

const refusals: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    `The headers of the request are longer than ${maxHeaderSize} bytes.`,
    'long-headers',
    'NODE_OPTIONS=--max-http-header-size',
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunk extensions of the request are too long.', 'long-chunk-extensions'],
  // Mostly a client that hung up.
  HPE_INVALID_EOF_STATE: [400, 'The request ended too early.', 'incomplete'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to arrive.', 'slow-request'],
}

const unreadable: Refusal = [400, 'This is not an HTTP request.', 'unreadable']
const encrypted: Refusal = [400, 'This port takes no TLS.', 'https-to-http-port']
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
    else {
      const [status, sentence, reason, setting] = refusal
      if (!isUnused(socket)) note(about, reason, setting)
      const isBegun = replyUnderWay(socket)?.headersSent === true
      if (socket.writable && !isBegun) socket.write(answerText(status, sentence))
    }
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
  if (code === tinyChunks) note(about, 'tiny-chunks')
  else if (isUntrusted || code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE')
    note(about, 'client-certificate', 'TLS_CLIENT_AUTH')
  else if (code === 'ERR_SSL_HTTP_REQUEST') note(about, 'http-to-https-port')
  else if (code.startsWith('ERR_SSL_') || (code === 'ERR_TLS_HANDSHAKE_TIMEOUT' && !isUnused(about.socket)))
    note(about, 'tls-handshake')
}
