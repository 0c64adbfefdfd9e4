import { isIP, type Socket } from 'node:net'
import { connect, type DetailedPeerCertificate, type SecureContext, TLSSocket } from 'node:tls'
import { isMadeOutTo } from '../net/certificate-names.js'

/**
 * Starts TLS as a client on a connected socket, with the XMPP domain as the server name (RFC 6120 §5.4.3, XEP-0368 §3);
 * `direct` where it begins with the connection. The certificate is not judged yet. No session is ever resumed: a login
 * could not be bound to the channel by `tls-unique` then (RFC 5929 §3.1).
 */
export function startTls(socket: Socket, domain: string, context: SecureContext, direct: boolean): TLSSocket {
  const secured = connect({
    socket,
    secureContext: context,
    ...(direct ? { ALPNProtocols: ['xmpp-client'] } : {}),
    // Judged by the caller, who can report the reason; nothing is sent before.
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) =>
      isMadeOutTo(certificate, domain) ? undefined : new Error('the certificate is made out to another name'),
    // Addresses are no server names (RFC 6066 §3); an IPv6 address is in brackets.
    ...(isIP(domain.replace(/^\[|\]$/g, '')) === 0 ? { servername: domain } : {}),
  })
  secured.getPeerCertificate = certificateAlone
  return secured
}

/** Node asks for all certificates above it as well, which takes ten times as long. Only its names are looked at. */
function certificateAlone(this: TLSSocket): DetailedPeerCertificate {
  return getPeerCertificate.call(this, false) as DetailedPeerCertificate
}

const { getPeerCertificate } = TLSSocket.prototype
