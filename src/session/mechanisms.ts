/**
 * Mechanisms whose messages prove a secret without showing it, or have none (RFC 5802, XEP-0484, RFC 2831, RFC 2195, RFC 4422,
 * RFC 4505, RFC 4752, RFC 5801, RFC 4178). Names are compared in capitals only: what a server takes for one of these and is
 * not listed counts as PLAIN.
 */
const withoutSecrets = /^(?:SCRAM-|HT-|GS2-|(?:DIGEST-MD5|CRAM-MD5|EXTERNAL|ANONYMOUS|GSSAPI|GSS-SPNEGO)$)/

/** Whether whoever reads along a login with this mechanism may learn a password or token: PLAIN, LOGIN, OAUTHBEARER and all that are unknown. */
export function showsSecret(mechanism: string): boolean {
  return !withoutSecrets.test(mechanism)
}
