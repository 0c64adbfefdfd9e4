// Channel binding data of a TLS connection, from the server's side. Uses nothing of `src`.
import { createHash, X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** What the server's certificate is hashed with; a test knows what it was signed with. */
export type EndPointHash = 'sha256' | 'sha384'

export function serverChannel(
  socket: TLSSocket,
  type: string,
  certificate: string,
  endPointHash: EndPointHash,
): Buffer | undefined {
  const version = socket.getProtocol()
  if (type === 'tls-unique' && version === 'TLSv1.2') return socket.getPeerFinished()
  if (type === 'tls-exporter' && version === 'TLSv1.3')
    return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  if (type === 'tls-server-end-point')
    return createHash(endPointHash).update(new X509Certificate(certificate).raw).digest()
  return undefined
}
