import type { PermissionViolationError } from '@nats-io/transport-node'
import type { NatsSettings } from '../../config/config.js'
import { codeOf } from '../../lib/log.js'

const told = 'NATS_URL leads to a NATS that'

const tlsCode = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|INVALID_|HOSTNAME_|ERR_TLS_|ERR_SSL_|ERR_OSSL_)/

export async function problemOf(
  fault: unknown,
  settings: Pick<NatsSettings, 'tls' | 'mayBeUnencrypted'>,
): Promise<string | undefined> {
  const { AuthorizationError, UserAuthenticationExpiredError } = await import('@nats-io/transport-node')
  if (isForbidden(fault)) {
    const what = fault.operation === 'publish' ? 'publish to' : 'subscribe to'
    return `${told} does not permit this service to ${what} ${fault.subject}: see deploy/nats-server.conf for what it needs`
  }
  if (fault instanceof AuthorizationError || fault instanceof UserAuthenticationExpiredError)
    return `${told} refuses this service: check the user, token or key that it is shown`
  const { message, cause } = fault as Partial<Error>
  if (codeOf(fault)?.startsWith('nkeys:')) return 'NATS_NKEY_FILE or NATS_CREDS_FILE has a seed that is broken'
  if (message?.includes("'tls'"))
    return `${told} offers no TLS, so that an attacker in between could read along: have it offer TLS, or ${withoutTls(settings)}`
  const code = codeOf(fault) ?? codeOf(cause)
  if (code !== undefined && tlsCode.test(code))
    return `${told} cannot be trusted, or does not trust this service (${code}): see NATS_TLS_CA and NATS_TLS_CERT`
  return undefined
}

function withoutTls({ tls, mayBeUnencrypted }: Pick<NatsSettings, 'tls' | 'mayBeUnencrypted'>): string {
  const wantedBy = tls?.wantedBy ?? []
  const allow = mayBeUnencrypted ? '' : 'set NATS_ALLOW_PLAINTEXT=on'
  if (wantedBy.length === 0) return allow
  const doWithout = `do without ${wantedBy.join(' and ')}`
  return mayBeUnencrypted ? `${doWithout}, which NATS_ALLOW_PLAINTEXT=on contradicts` : `${doWithout} and ${allow}`
}

/** Compares the name, because `instanceof` would load the library. */
export const isForbidden = (error: unknown): error is PermissionViolationError =>
  (error as Partial<Error> | undefined)?.name === 'PermissionViolationError'

export const reasonOf = (fault: unknown): string | undefined =>
  codeOf(fault) ?? codeOf((fault as Partial<Error>).cause) ?? (fault as Partial<Error>).name
