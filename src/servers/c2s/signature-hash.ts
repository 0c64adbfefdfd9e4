/** By object identifier in hexadecimal. SHA-256 replaces MD5 and SHA-1 (RFC 5929 §4.1). */
const hashes: readonly (readonly [identifier: string, hash: string])[] = [
  // In the parameters of RSASSA-PSS (RFC 8017 Appendix B.1).
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
  ['608648016503040204', 'sha224'],
  // PKCS #1 (RFC 8017 Appendix C): MD5, SHA-1, RSASSA-PSS with its default SHA-1, and others.
  ['2a864886f70d010104', 'sha256'],
  ['2a864886f70d010105', 'sha256'],
  ['2a864886f70d01010a', 'sha256'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a864886f70d01010e', 'sha224'],
  // ECDSA (RFC 5758 §3.2): SHA-1, and others.
  ['2a8648ce3d0401', 'sha256'],
  ['2a8648ce3d040301', 'sha224'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
]

/** Undefined if the signature has no hash, or its algorithm is unknown. */
export function signatureHash(certificate: Buffer): string | undefined {
  try {
    // SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } (RFC 5280 §4.1)
    const [signed] = boundsOf(certificate, 0)
    const [, signedEnd] = boundsOf(certificate, signed)
    const algorithm = certificate.toString('hex', ...boundsOf(certificate, signedEnd))
    return hashes.find(([identifier]) => algorithm.includes(identifier))?.[1]
  } catch {
    return undefined
  }
}

/** Of the content of a DER value (X.690 §8.1). */
function boundsOf(bytes: Buffer, at: number): [start: number, end: number] {
  const size = bytes.readUInt8(at + 1)
  if (size < 0x80) return [at + 2, at + 2 + size]
  const start = at + 2 + size - 0x80
  return [start, start + bytes.readUIntBE(at + 2, size - 0x80)]
}
