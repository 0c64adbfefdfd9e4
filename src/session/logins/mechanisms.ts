/** IANA's SASL mechanisms, XEP-0484. Other spellings count as PLAIN, even if a server accepts them. */
const withoutSecrets = /^(?:SCRAM-|HT-|GS2-|(?:DIGEST-MD5|CRAM-MD5|EXTERNAL|ANONYMOUS|GSSAPI|GSS-SPNEGO)$)/

/** True for unknown mechanisms. */
export function showsSecret(mechanism: string): boolean {
  return !withoutSecrets.test(mechanism)
}
