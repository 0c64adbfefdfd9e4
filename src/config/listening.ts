// What the settings of the listeners have to do with each other.
import { isIP } from 'node:net'
import { type Address, collide, placesOf } from './addresses.js'
import { readTlsFiles, type SettingReport, type TlsFiles } from './certificates.js'
import type { Config } from './config.js'
import { completeHost, type HostEntry } from './hosts.js'
import type { Name } from './settings.js'

/** Where https is served if there are certificates for it and nobody says at which port. */
const usualHttpsPort = 8443

/** The settings as they were read; one is undefined that is not set, or faulty. */
export interface ListeningValues {
  readonly HOST: readonly Address[]
  readonly PORT: readonly number[]
  readonly HTTPS_HOST?: readonly Address[] | undefined
  readonly HTTPS_PORT?: readonly number[] | undefined
  readonly TLS_CERT?: readonly string[] | undefined
  readonly TLS_CHAIN?: readonly string[] | undefined
  readonly TLS_KEY?: readonly string[] | undefined
  readonly TLS_KEY_PASSPHRASE?: string | undefined
  readonly TLS_KEY_PASSPHRASE_FILE?: string | undefined
  readonly TLS_CIPHERS?: string | undefined
  readonly TLS_MIN_VERSION: string
  readonly TLS_DHPARAM: string
  readonly HTTP_HOSTS?: ReadonlyMap<string, readonly HostEntry[]> | undefined
  readonly HTTP_DEFAULT_HOST?: string | undefined
  readonly HTTP_STRICT_HOST: boolean
  readonly HOST_META_ENABLED: boolean
  readonly XMPP_DOMAINS?: readonly string[] | undefined
  readonly BOSH_ENABLED: boolean
  readonly BOSH_PATH: string
  readonly BOSH_DEFAULT_DOMAIN?: string | undefined
  readonly WARM_ENABLED: boolean
  readonly WARM_PATH: string
}

/** Reports a problem of the first of these settings if there is one, and none of them is faulty by itself. */
export type Rule = (names: readonly Name[], broken: boolean | undefined, message: string) => void

export function httpsOf(values: ListeningValues): Config['https'] {
  const { HTTPS_HOST: own, TLS_CERT: certificates = [] } = values
  const isWanted = own !== undefined || certificates.length > 0
  const ports = values.HTTPS_PORT ?? (isWanted ? [usualHttpsPort] : [])
  if (ports.length === 0) return undefined
  // A port behind an address of HOST is for what goes without TLS.
  const usual = (values.HOST ?? []).map(({ host }) => ({ host, port: undefined }))
  const files: TlsFiles = {
    certificates,
    chains: values.TLS_CHAIN ?? [],
    keys: values.TLS_KEY ?? [],
    passphrase: values.TLS_KEY_PASSPHRASE,
    passphraseFile: values.TLS_KEY_PASSPHRASE_FILE,
    dhparam: values.TLS_DHPARAM,
  }
  const minVersion = values.TLS_MIN_VERSION === '1.3' ? 'TLSv1.3' : 'TLSv1.2'
  return {
    places: placesOf(own ?? usual, ports),
    placesFrom: own === undefined ? 'HOST' : 'HTTPS_HOST',
    files,
    ciphers: values.TLS_CIPHERS,
    minVersion,
  }
}

export function httpOf(values: ListeningValues): Config['http'] {
  const usual = { boshPath: values.BOSH_PATH, warmPath: values.WARM_PATH }
  const entries = [...(values.HTTP_HOSTS ?? [])]
  const listened = [...values.HOST, ...(values.HTTPS_HOST ?? [])].map(({ host }) => host)
  return {
    hosts: new Map(entries.map(([name, own]) => [name, own.map(entry => completeHost(entry, usual))])),
    own: [],
    names: [...entries.map(([name]) => name), ...listened.filter(host => isIP(host) === 0)],
    defaultHost: values.HTTP_DEFAULT_HOST,
    strictHost: values.HTTP_STRICT_HOST,
    hostMeta: values.HOST_META_ENABLED,
  }
}

/** Judges the settings together; a rule about one that is faulty by itself keeps silent. */
export function judgeListening(values: ListeningValues, rule: Rule, isFaulty: (name: Name) => boolean): void {
  judgePorts(values, rule)
  judgeCertificates(values, rule, isFaulty)
}

function judgePorts(values: ListeningValues, rule: Rule): void {
  const { HOST: hosts = [], PORT: ports = [], HTTPS_HOST: secureHosts = [], HTTPS_PORT: securePorts } = values
  const places = placesOf(hosts, ports)
  const secure = httpsOf(values)?.places ?? []
  const hasOwnPort = (addresses: readonly Address[]) => addresses.some(({ port }) => port !== undefined)
  rule(
    ['PORT', 'HTTPS_PORT', 'TLS_CERT'],
    ports.length + secure.length === 0,
    'is off, and there is no HTTPS_PORT: nothing is left to listen on',
  )
  rule(
    ['PORT', 'HOST'],
    ports.length === 0 && hasOwnPort(hosts),
    'is off, but HOST has a port: keep one of the two',
  )
  rule(
    ['HTTPS_PORT', 'HTTPS_HOST'],
    securePorts?.length === 0 && hasOwnPort(secureHosts),
    'is off, but HTTPS_HOST has a port: keep one of the two',
  )
  rule(
    ['HTTPS_PORT', 'PORT', 'TLS_CERT', 'HOST', 'HTTPS_HOST'],
    secure.some(one => places.some(other => collide(one, other))),
    'and PORT must differ: a port of an address is for one of the two',
  )
}

function judgeCertificates(values: ListeningValues, rule: Rule, isFaulty: (name: Name) => boolean): void {
  const { TLS_CERT: certificates = [], TLS_KEY: keys } = values
  const https = httpsOf(values)
  rule(
    ['TLS_CERT', 'HTTPS_PORT', 'HTTPS_HOST'],
    certificates.length === 0 && https !== undefined,
    `is required for ${values.HTTPS_PORT === undefined ? 'HTTPS_HOST' : 'HTTPS_PORT'}: name a PEM file with the certificate of this service and its chain`,
  )
  const isKeyMissing = keys !== undefined && keys.length !== certificates.length
  rule(['TLS_KEY', 'TLS_CERT'], isKeyMissing, 'must name one file for each of TLS_CERT, in the same order')
  const isChainMissing = values.TLS_CHAIN !== undefined && values.TLS_CHAIN.length !== certificates.length
  rule(
    ['TLS_CHAIN', 'TLS_CERT'],
    isChainMissing,
    'must name one file for each of TLS_CERT, in the same order',
  )
  rule(
    ['TLS_KEY_PASSPHRASE_FILE', 'TLS_KEY_PASSPHRASE'],
    values.TLS_KEY_PASSPHRASE !== undefined && values.TLS_KEY_PASSPHRASE_FILE !== undefined,
    'and TLS_KEY_PASSPHRASE are both set: keep one of the two',
  )
  if (https === undefined || isKeyMissing || isChainMissing || isFaulty('TLS_CERT') || isFaulty('TLS_KEY'))
    return
  const report: SettingReport = (name, problem) => void rule([name], true, problem)
  readTlsFiles(https.files, report)
}
