/** The hash of an algorithm that certificates are signed with, by the object identifier's bytes in hexadecimal. */
const hashes: Readonly<Record<string, string>> = {
  // PKCS #1 with MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512 (RFC 8017 Appendix C); the broken ones count as SHA-256.
  '2a864886f70d010104': 'sha256',
  '2a864886f70d010105': 'sha256',
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  // ECDSA with SHA-1, SHA-224, SHA-256, SHA-384, SHA-512 (RFC 5758 §3.2).
  '2a8648ce3d0401': 'sha256',
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  // The hashes themselves, which RSASSA-PSS has among its parameters (RFC 8017 Appendix B.1).
  '2b0e03021a': 'sha256',
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
}
const pss = '2a864886f70d01010a'
const sequence = 0x30
const objectIdentifier = 0x06
/** The first parameter of RSASSA-PSS, which is left out where it is SHA-1. */
const pssHash = 0xa0

/**
 * The hash that a certificate is signed with, as Node's name of it; SHA-256 in place of MD5 and SHA-1 (RFC 5929 §4.1).
 * Undefined where the signature has no single hash, as with Ed25519. Node does not tell it, so it is read from the DER.
 */
export function signatureHash(certificate: Uint8Array): string | undefined {
  try {
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } (RFC 5280 §4.1)
    const body = enter(read(certificate, 0), sequence)
    const signed = read(body, 0)
    return hashOf(enter(read(body, signed.end), sequence))
  } catch {
    return undefined
  }
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm, parameters } */
function hashOf(algorithm: Uint8Array): string | undefined {
  const identifier = read(algorithm, 0)
  const name = Buffer.from(enter(identifier, objectIdentifier)).toString('hex')
  if (name !== pss) return hashes[name]
  const parameters = enter(read(algorithm, identifier.end), sequence)
  const first = parameters.length === 0 ? undefined : read(parameters, 0)
  if (first?.tag !== pssHash) return 'sha256'
  return hashOf(enter(read(first.content, 0), sequence))
}

interface Value {
  readonly tag: number
  readonly content: Uint8Array
  /** Where the next one begins. */
  readonly end: number
}

/** Reads one value of DER (X.690 §8.1). Throws where it does not lie within the bytes. */
function read(bytes: Uint8Array, start: number): Value {
  const [tag, first] = bytes.subarray(start, start + 2)
  if (tag === undefined || first === undefined) throw new RangeError('a value begins behind the end')
  let length = first
  let begin = start + 2
  if (first >= 0x80) {
    length = 0
    for (const byte of bytes.subarray(begin, begin + first - 0x80)) length = length * 256 + byte
    begin += first - 0x80
  }
  const end = begin + length
  if (end > bytes.length) throw new RangeError('a value ends behind the end')
  return { tag, content: bytes.subarray(begin, end), end }
}

function enter({ tag, content }: Value, expected: number): Uint8Array {
  if (tag !== expected) throw new RangeError('a value is of another kind')
  return content
}
