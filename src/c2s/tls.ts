import { isIP, type Socket } from 'node:net'
import { connect, type DetailedPeerCertificate, type PeerCertificate, TLSSocket } from 'node:tls'
import type { Trust } from '../config/config.js'
import { CertificateFault } from '../net/certificate-fault.js'
import { isMadeOutTo } from '../net/certificate-names.js'
import { type TlsRules, tlsContext } from '../net/tls-context.js'

export interface TlsOptions {
  readonly server: Trust
  readonly rules: TlsRules
  /** Whether the server may see the certificate that the operator has for it. */
  readonly showsCertificate: boolean
  /** Whether TLS begins with the connection (XEP-0368), and not by STARTTLS. */
  readonly direct: boolean
}

/**
 * Starts TLS as a client on a connected socket, with the XMPP domain as the server name (RFC 6120 §5.4.3, XEP-0368 §3).
 * The certificate is judged by `certificateFault` once the handshake is done. No session is ever resumed: a login could
 * not be bound to the channel by `tls-unique` then (RFC 5929 §3.1).
 */
export function startTls(
  socket: Socket,
  domain: string,
  { server, rules, showsCertificate, direct }: TlsOptions,
): TLSSocket {
  const secured = connect({
    socket,
    secureContext: tlsContext(server, rules, showsCertificate),
    ...(direct ? { ALPNProtocols: ['xmpp-client'] } : {}),
    // Judged below, where the reason can be reported; nothing is sent before.
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) =>
      isMadeOutTo(certificate, domain) ? undefined : new Error('the certificate is made out to another name'),
    // Addresses are no server names (RFC 6066 §3); an IPv6 address is in brackets.
    ...(isIP(domain.replace(/^\[|\]$/g, '')) === 0 ? { servername: domain } : {}),
  })
  secured.getPeerCertificate = certificateAlone
  return secured
}

/**
 * Node asks for the certificate together with all those above it, which takes ten times as long and longer than anything
 * else that the handshake costs here. Only its names are looked at.
 */
function certificateAlone(this: TLSSocket): DetailedPeerCertificate {
  return ownCertificate.call(this, false) as DetailedPeerCertificate
}

const ownCertificate: (this: TLSSocket, detailed: false) => PeerCertificate =
  TLSSocket.prototype.getPeerCertificate

/** Why the server's certificate is not good enough for its domain, if it is not. */
export function certificateFault(
  socket: TLSSocket,
  server: Trust,
  domain: string,
): CertificateFault | undefined {
  if (!server.verify || socket.authorized) return undefined
  // Node has the code there, or the message where there is none; its types have an error.
  return new CertificateFault(String(socket.authorizationError), socket.getPeerCertificate(), domain)
}
