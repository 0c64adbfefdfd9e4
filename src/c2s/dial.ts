import { connect, type Socket } from 'node:net'
import type { Server } from '../config/config.js'
import type { Failure } from '../exchange.js'

/** Opens a TCP connection; the socket connects by itself and tells by its events how that went. */
export function dial(server: Server): Socket {
  // Small stanzas must not wait for an acknowledgement of the one before.
  return connect({ host: server.host, port: server.port, noDelay: true, keepAlive: true })
}

/** What a socket's error before the connection stood says about the XMPP server. */
export function dialFailure(error: NodeJS.ErrnoException): Failure {
  if (error.syscall === 'getaddrinfo') {
    const code = error.code === 'ENOTFOUND' ? 'host-unknown' : 'remote-connection-failed'
    return { step: 'resolve', code, cause: error }
  }
  return { step: 'connect', code: 'remote-connection-failed', cause: error }
}
