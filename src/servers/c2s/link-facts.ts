import { hash } from 'node:crypto'
import type { Socket } from 'node:net'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import type { Server } from '../../config/config.js'
import type { ChannelBindingType, LinkFacts } from '../../xmpp/link.js'
import { signatureHash } from './signature-hash.js'

const noContext = Buffer.alloc(0)

export function linkFacts(
  socket: Socket | undefined,
  settings: Server | undefined,
  about: Pick<LinkFacts, 'server' | 'offersClientStates'>,
): LinkFacts {
  const plainAllowed = settings?.tls !== 'none' || settings.allowsPlain
  if (!(socket instanceof TLSSocket)) return { ...about, encrypted: false, plainAllowed }
  const sasl2Allowed = settings?.sasl2 !== false
  return { ...about, encrypted: true, plainAllowed, sasl2Allowed, channelBinding: type => channelBinding(socket, type) }
}

export function channelBinding(socket: TLSSocket, type: ChannelBindingType): Buffer | undefined {
  const version = socket.getProtocol()
  switch (type) {
    case 'tls-exporter':
      // RFC 9266 §2. Before TLS 1.3, `tls-exporter` needs an extension that Node does not report.
      if (version !== 'TLSv1.3') return undefined
      return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', noContext)
    case 'tls-unique':
      // RFC 5929 §3: the first Finished message, which the client sends unless the TLS session is resumed.
      if (version !== 'TLSv1.2' || socket.isSessionReused()) return undefined
      return socket.getFinished()
    case 'tls-server-end-point': {
      // RFC 5929 §4. In Node 20, `getPeerX509Certificate` works only at the first call.
      const certificate: Buffer | undefined = (socket.getPeerCertificate() as PeerCertificate | null)?.raw
      const algorithm = certificate === undefined ? undefined : signatureHash(certificate)
      return algorithm === undefined ? undefined : hash(algorithm, certificate!, 'buffer')
    }
  }
}
