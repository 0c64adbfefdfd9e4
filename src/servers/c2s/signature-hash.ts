/** By object identifier in hexadecimal. SHA-256 replaces MD5 and SHA-1 (RFC 5929 §4.1). */
const hashes: Readonly<Record<string, string>> = {
  // PKCS #1 (RFC 8017 Appendix C).
  '2a864886f70d010104': 'sha256', // MD5
  '2a864886f70d010105': 'sha256', // SHA-1
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  // ECDSA (RFC 5758 §3.2).
  '2a8648ce3d0401': 'sha256', // SHA-1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  // Hashes in the parameters of RSASSA-PSS (RFC 8017 Appendix B.1).
  '2b0e03021a': 'sha256', // SHA-1
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
}
const pss = '2a864886f70d01010a'
const sequence = 0x30
/** Tag of the hash in the parameters of RSASSA-PSS. Without this tag, the hash is SHA-1, which SHA-256 replaces. */
const pssHash = 0xa0

export function signatureHash(certificate: Uint8Array): string | undefined {
  try {
    // SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } (RFC 5280 §4.1)
    const [whole] = valuesIn(certificate)
    return whole!.tag === sequence ? hashOf(valuesIn(whole!.content)[1]!) : undefined
  } catch {
    return undefined
  }
}

/** SEQUENCE { algorithm, parameters } */
function hashOf(algorithm: Value): string | undefined {
  const [identifier, parameters] = valuesIn(algorithm.content)
  const name = Buffer.from(identifier!.content).toString('hex')
  if (name !== pss) return hashes[name]
  const [first] = valuesIn(parameters!.content)
  return first?.tag === pssHash ? hashOf(valuesIn(first.content)[0]!) : 'sha256'
}

interface Value {
  readonly tag: number
  readonly content: Uint8Array
}

/** Reads DER (X.690 §8.1). */
function valuesIn(bytes: Uint8Array): readonly Value[] {
  const values: Value[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!
    let length = bytes[at + 1]!
    at += 2
    if (length >= 0x80) {
      const long = bytes.subarray(at, at + length - 0x80)
      at += long.length
      length = long.reduce((sum, byte) => sum * 256 + byte, 0)
    }
    if (!(at + length <= bytes.length)) throw new RangeError('a value ends behind the end')
    values.push({ tag, content: bytes.subarray(at, at + length) })
    at += length
  }
  return values
}
