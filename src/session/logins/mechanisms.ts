/** From IANA and XEP-0484. Other names and spellings are treated like PLAIN. */
const withoutSecrets = /^(?:SCRAM-|HT-|GS2-|(?:DIGEST-MD5|CRAM-MD5|EXTERNAL|ANONYMOUS|GSSAPI|GSS-SPNEGO)$)/

export function showsSecret(mechanism: string): boolean {
  return !withoutSecrets.test(mechanism)
}
