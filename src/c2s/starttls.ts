import { isIP, type Socket } from 'node:net'
import { connect, createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls'
import type { Config, Server } from '../config/config.js'
import { isMadeOutTo } from './identity.js'

export type TlsRules = Config['tls']

/** Contexts are costly to make and the same for every link to a server. */
const contexts = new WeakMap<Server, SecureContext>()

/**
 * Starts TLS as a client on a connected socket, with the XMPP domain as the server name (RFC 6120 §5.4.3).
 * The certificate is judged by `certificateFault` once the handshake is done.
 */
export function startTls(socket: Socket, domain: string, server: Server, tls: TlsRules): TLSSocket {
  let secureContext = contexts.get(server)
  if (secureContext === undefined) {
    secureContext = createSecureContext({
      minVersion: tls.minVersion,
      ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
      ...(server.ca === undefined ? {} : { ca: [...rootCertificates, server.ca] }),
    })
    contexts.set(server, secureContext)
  }
  return connect({
    socket,
    secureContext,
    // Judged below, where the reason can be told; nothing is sent before.
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) =>
      isMadeOutTo(certificate, domain) ? undefined : new Error('the certificate is made out to another name'),
    // Addresses are no server names (RFC 6066 §3); an IPv6 address is in brackets.
    ...(isIP(domain.replace(/^\[|\]$/g, '')) === 0 ? { servername: domain } : {}),
  })
}

/** Why the server's certificate is not good enough, if it is not. */
export function certificateFault(socket: TLSSocket, server: Server): unknown {
  if (!server.verify || socket.authorized) return undefined
  return socket.authorizationError ?? new Error('the certificate is not trusted')
}
