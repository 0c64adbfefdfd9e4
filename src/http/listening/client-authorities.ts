import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { certificatesIn } from '../../config/kinds/pem.js'

const longestChain = 10

export class ClientAuthorities {
  readonly #certificates: readonly X509Certificate[]

  constructor(pem: string) {
    const found = certificatesIn(pem)
    this.#certificates = found === undefined ? [] : [found.first, ...found.chain]
  }

  isReducedBy(next: ClientAuthorities): boolean {
    const left = new Set(next.#certificates.map(({ fingerprint256 }) => fingerprint256))
    return this.#certificates.some(({ fingerprint256 }) => !left.has(fingerprint256))
  }

  /** A resumed TLS session may lack intermediate certificates. Then the result is false. */
  issued(socket: TLSSocket): boolean {
    let certificate = socket.getPeerX509Certificate()
    for (let length = 0; certificate !== undefined && length < longestChain; length++) {
      if (this.#certificates.some(authority => isIssuer(authority, certificate!))) return true
      const next: X509Certificate | undefined = certificate.issuerCertificate
      // Node does not verify `issuerCertificate`, so a client can send any certificate there.
      certificate = next?.ca && isIssuer(next, certificate) ? next : undefined
    }
    return false
  }
}

function isIssuer(authority: X509Certificate, certificate: X509Certificate): boolean {
  if (authority.fingerprint256 === certificate.fingerprint256) return true
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}
