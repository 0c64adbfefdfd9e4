import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isLoopback } from '../lib/client-network.js'
import { written } from './kinds/listen-addresses.js'
import type { NatsAccount, NatsServer } from './kinds/nats-kinds.js'
import type { Values } from './settings.js'

export const natsFaults: Readonly<Record<string, (set: Values) => boolean | undefined>> = {
  'NATS_CREDS_FILE, NATS_NKEY_FILE, NATS_TOKEN and a user in NATS_URL exclude each other: keep one of them': set => {
    const token = set.NATS_TOKEN ?? set.NATS_TOKEN_FILE
    const ways = [set.NATS_CREDS_FILE, set.NATS_NKEY_FILE, token, set.NATS_URL?.account]
    return ways.filter(way => way !== undefined).length > 1
  },
  'NATS_TLS_CERT is required for NATS_TLS_KEY: name the file of its certificate': set =>
    set.NATS_TLS_KEY !== undefined && set.NATS_TLS_CERT === undefined,
  'NATS_TLS_KEY is required for NATS_TLS_CERT, which has no key in the same file': set =>
    set.NATS_TLS_CERT !== undefined && (set.NATS_TLS_KEY ?? set.NATS_TLS_CERT.key) === undefined,
  'NATS_TLS_KEY has a key that does not belong to NATS_TLS_CERT': set => {
    const key = set.NATS_TLS_KEY ?? set.NATS_TLS_CERT?.key
    if (set.NATS_TLS_CERT === undefined || key === undefined) return false
    return !new X509Certificate(set.NATS_TLS_CERT.cert).checkPrivateKey(createPrivateKey(key))
  },
}

export type NatsSettings = NonNullable<ReturnType<typeof natsOf>>

export function natsOf(values: Values) {
  if (values.NATS_URL === undefined) return undefined
  const { servers, account } = values.NATS_URL
  const isFar = servers.some(({ host }) => !isLoopback(host))
  const hasFiles = values.NATS_TLS_CA !== undefined || values.NATS_TLS_CERT !== undefined
  const isTls = servers.some(server => server.isTls) || hasFiles || (isFar && !values.NATS_ALLOW_PLAINTEXT)
  return {
    servers: servers.map(written),
    hosts: servers.map(({ host }) => host),
    account: accountOf(values) ?? account,
    /** Undefined if TLS is optional. */
    tls: isTls ? tlsOf(values, servers) : undefined,
    mayBeUnencrypted: values.NATS_ALLOW_PLAINTEXT,
    isUnencrypted: isFar && !isTls,
    subject: values.NATS_SUBJECT,
  } as const
}

function accountOf(values: Values): NatsAccount | undefined {
  if (values.NATS_CREDS_FILE !== undefined) return { creds: values.NATS_CREDS_FILE }
  if (values.NATS_NKEY_FILE !== undefined) return { seed: values.NATS_NKEY_FILE }
  const token = values.NATS_TOKEN ?? values.NATS_TOKEN_FILE
  return token === undefined ? undefined : { token }
}

function tlsOf(
  { NATS_TLS_CA: ca, NATS_TLS_CERT: own, NATS_TLS_KEY: key = own?.key }: Values,
  servers: readonly NatsServer[],
) {
  const wanted = {
    'tls:// in NATS_URL': servers.some(({ isTls }) => isTls),
    NATS_TLS_CA: ca !== undefined,
    NATS_TLS_CERT: own !== undefined,
  }
  return {
    /** Settings that require TLS in spite of NATS_ALLOW_PLAINTEXT. */
    wantedBy: Object.entries(wanted).flatMap(([setting, isSo]) => (isSo ? [setting] : [])),
    /** Default: Node's CAs. */
    ca,
    certificate: own === undefined || key === undefined ? undefined : { cert: own.cert, key },
  }
}
