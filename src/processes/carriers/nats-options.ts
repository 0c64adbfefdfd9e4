import { checkServerIdentity } from 'node:tls'
import type { Authenticator, ConnectionOptions } from '@nats-io/transport-node'
import type { NatsSettings } from '../../config/config.js'

const answerMilliseconds = 5_000
const pingMilliseconds = 2_000
const mostUnansweredPings = 2

export const soonMilliseconds = (): number => Math.random() * 100
export const pauseMilliseconds = (): number => 200 + Math.random() * 300

export const refusedMilliseconds = 5_000

/** `expiry`: seconds since 1970. */
export type OnNatsCertificate = (expiry: number) => void

export async function connectionOptions(
  settings: NatsSettings,
  name: string,
  onCertificate: OnNatsCertificate = () => {},
): Promise<ConnectionOptions> {
  return {
    servers: [...settings.servers],
    name,
    noEcho: true,
    noAsyncTraces: true,
    timeout: answerMilliseconds,
    pingInterval: pingMilliseconds,
    maxPingOut: mostUnansweredPings,
    // The library would resend old data, and hang if the old connection is stuck.
    reconnect: false,
    ignoreClusterUpdates: true,
    ...(settings.tls !== undefined && { tls: tlsOptions(settings.tls, settings.hosts, onCertificate) }),
    ...(await accountOptions(settings)),
  }
}

function tlsOptions(
  { ca, certificate }: NonNullable<NatsSettings['tls']>,
  hosts: readonly string[],
  onCertificate: OnNatsCertificate,
) {
  return {
    ...(ca !== undefined && { ca }),
    ...certificate,
    // The library passes no name, so Node would check for `localhost`.
    checkServerIdentity: (_name: string, shown: Parameters<typeof checkServerIdentity>[1]) => {
      onCertificate(Date.parse(shown.valid_to) / 1000)
      const faults = hosts.map(host => checkServerIdentity(host, shown))
      return faults.includes(undefined) ? undefined : faults[0]
    },
  }
}

async function accountOptions({ account }: NatsSettings): Promise<ConnectionOptions> {
  if (account === undefined) return {}
  if ('token' in account) return { token: account.token }
  if ('user' in account) return { user: account.user, pass: account.password }
  const { credsAuthenticator, nkeyAuthenticator } = await import('@nats-io/transport-node')
  const bytes = (text: string) => new TextEncoder().encode(text)
  const authenticator: Authenticator =
    'seed' in account ? nkeyAuthenticator(bytes(account.seed)) : credsAuthenticator(bytes(account.creds))
  return { authenticator }
}
