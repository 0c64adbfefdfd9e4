import { checkServerIdentity } from 'node:tls'
import type { Authenticator, ConnectionOptions } from '@nats-io/transport-node'
import type { NatsSettings } from '../../config/config.js'

/** How long a server has to answer, in milliseconds. */
const answerMilliseconds = 5_000
/** It is asked so often whether it is still there, and given up after so many questions. */
const pingMilliseconds = 2_000
const mostPings = 2

/** Time until a lost connection is tried for anew, and between two tries, in milliseconds; random, or all would come at once. */
export const soon = (): number => Math.random() * 100
export const pause = (): number => 200 + Math.random() * 300

/** Time until NATS is connected to anew that has not permitted something, in milliseconds. */
export const refusedMilliseconds = 5_000

/** The settings as the library has them. `name` is what NATS calls the connection. */
export async function connectionOptions(settings: NatsSettings, name: string): Promise<ConnectionOptions> {
  return {
    servers: [...settings.servers],
    name,
    // What this process says to all comes back to it otherwise.
    noEcho: true,
    // It makes an error with its trace for each request.
    noAsyncTraces: true,
    timeout: answerMilliseconds,
    pingInterval: pingMilliseconds,
    maxPingOut: mostPings,
    // It would send what waited for the old connection on the new one, and hang where the old one takes nothing.
    reconnect: false,
    ignoreClusterUpdates: true,
    ...(settings.tls !== undefined && { tls: tlsOptions(settings.tls, settings.hosts) }),
    ...(await accountOptions(settings)),
  }
}

function tlsOptions({ ca, certificate }: NonNullable<NatsSettings['tls']>, hosts: readonly string[]) {
  return {
    ...(ca !== undefined && { ca }),
    ...certificate,
    // The library tells Node no name where the server has an address only; Node would look for `localhost` then.
    checkServerIdentity: (_name: string, shown: Parameters<typeof checkServerIdentity>[1]) => {
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
