/**
 * Mechanisms that do not reveal a secret (RFC 5802, XEP-0484, RFC 2831, RFC 2195, RFC 4422, RFC 4505, RFC
 * 4752, RFC 5801, RFC 4178). Other spellings count as PLAIN, even if a server accepts them.
 */
const withoutSecrets = /^(?:SCRAM-|HT-|GS2-|(?:DIGEST-MD5|CRAM-MD5|EXTERNAL|ANONYMOUS|GSSAPI|GSS-SPNEGO)$)/

/** Includes unknown mechanisms. */
export function showsSecret(mechanism: string): boolean {
  return !withoutSecrets.test(mechanism)
}
