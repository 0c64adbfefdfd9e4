import { isIP, type Socket } from 'node:net'
import { connect, type DetailedPeerCertificate, type SecureContext, TLSSocket } from 'node:tls'
import { isMadeOutTo } from '../net/certificate-names.js'

/**
 * Starts TLS with the XMPP domain as server name (RFC 6120 §5.4.3, XEP-0368 §3). The caller checks the
 * certificate. Sessions are never resumed, which would break `tls-unique` (RFC 5929 §3.1).
 */
export function startTls(socket: Socket, domain: string, context: SecureContext, direct: boolean): TLSSocket {
  const secured = connect({
    socket,
    secureContext: context,
    ...(direct ? { ALPNProtocols: ['xmpp-client'] } : {}),
    // The caller checks it, and can report the reason. Nothing is sent before.
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) =>
      isMadeOutTo(certificate, domain) ? undefined : new Error('the certificate is made out to another name'),
    // Addresses are no server names (RFC 6066 §3).
    ...(isIP(domain.replace(/^\[|\]$/g, '')) === 0 ? { servername: domain } : {}),
  })
  secured.getPeerCertificate = certificateAlone
  return secured
}

/** Node would also parse the whole chain, which takes ten times as long. */
function certificateAlone(this: TLSSocket): DetailedPeerCertificate {
  return getPeerCertificate.call(this, false) as DetailedPeerCertificate
}

const { getPeerCertificate } = TLSSocket.prototype
