// What the settings of the listeners, of HTTP hosts and of paths have to do with each other.
import { readTlsFiles, type SettingReport, type TlsFiles } from './certificates.js'
import type { Config } from './config.js'
import { allowsDomain } from './domains.js'
import { completeHost, type HostEntry } from './hosts.js'
import { hostVariable, overlap, takenPaths } from './paths.js'
import type { Name } from './settings.js'

/** Where https is served if there are certificates for it and nobody says at which port. */
const usualHttpsPort = 8443

/** The settings as they were read; one is undefined that is not set, or faulty. */
export interface ListeningValues {
  readonly PORT: readonly number[]
  readonly HTTPS_PORT?: readonly number[] | undefined
  readonly TLS_CERT?: readonly string[] | undefined
  readonly TLS_KEY?: readonly string[] | undefined
  readonly TLS_KEY_PASSPHRASE?: string | undefined
  readonly TLS_KEY_PASSPHRASE_FILE?: string | undefined
  readonly TLS_CIPHERS?: string | undefined
  readonly TLS_MIN_VERSION: string
  readonly TLS_DHPARAM: string
  readonly HTTP_HOSTS?: ReadonlyMap<string, HostEntry> | undefined
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
  const { TLS_CERT: certificates = [] } = values
  const ports = values.HTTPS_PORT ?? (certificates.length > 0 ? [usualHttpsPort] : [])
  if (ports.length === 0) return undefined
  const files: TlsFiles = {
    certificates,
    keys: values.TLS_KEY ?? [],
    passphrase: values.TLS_KEY_PASSPHRASE,
    passphraseFile: values.TLS_KEY_PASSPHRASE_FILE,
    dhparam: values.TLS_DHPARAM,
  }
  const minVersion = values.TLS_MIN_VERSION === '1.3' ? 'TLSv1.3' : 'TLSv1.2'
  return { ports, files, ciphers: values.TLS_CIPHERS, minVersion }
}

export function httpOf(values: ListeningValues): Config['http'] {
  const usual = { boshPath: values.BOSH_PATH, warmPath: values.WARM_PATH }
  const entries = [...(values.HTTP_HOSTS ?? [])]
  return {
    hosts: new Map(entries.map(([name, entry]) => [name, completeHost(entry, usual)])),
    defaultHost: values.HTTP_DEFAULT_HOST,
    strictHost: values.HTTP_STRICT_HOST,
    hostMeta: values.HOST_META_ENABLED,
  }
}

/** Judges the settings together; a rule about one that is faulty by itself keeps silent. */
export function judgeListening(values: ListeningValues, rule: Rule, isFaulty: (name: Name) => boolean): void {
  judgePorts(values, rule)
  judgeCertificates(values, rule, isFaulty)
  judgeHosts(values, rule)
  judgePaths(values, rule, isFaulty)
}

function judgePorts(values: ListeningValues, rule: Rule): void {
  const { PORT: ports = [] } = values
  const secure = httpsOf(values)?.ports ?? []
  rule(
    ['PORT', 'HTTPS_PORT', 'TLS_CERT'],
    ports.length + secure.length === 0,
    'is off, and there is no HTTPS_PORT: nothing is left to listen on',
  )
  rule(
    ['HTTPS_PORT', 'PORT', 'TLS_CERT'],
    secure.some(port => port !== 0 && ports.includes(port)),
    'and PORT must differ: a port is for one of the two',
  )
}

function judgeCertificates(values: ListeningValues, rule: Rule, isFaulty: (name: Name) => boolean): void {
  const { TLS_CERT: certificates = [], TLS_KEY: keys } = values
  const https = httpsOf(values)
  rule(
    ['TLS_CERT', 'HTTPS_PORT'],
    certificates.length === 0 && https !== undefined,
    'is required for HTTPS_PORT: name a PEM file with the certificate of this service and its chain',
  )
  const isKeyMissing = keys !== undefined && keys.length !== certificates.length
  rule(['TLS_KEY', 'TLS_CERT'], isKeyMissing, 'must name one file for each of TLS_CERT, in the same order')
  rule(
    ['TLS_KEY_PASSPHRASE_FILE', 'TLS_KEY_PASSPHRASE'],
    values.TLS_KEY_PASSPHRASE !== undefined && values.TLS_KEY_PASSPHRASE_FILE !== undefined,
    'and TLS_KEY_PASSPHRASE are both set: keep one of the two',
  )
  if (https === undefined || isKeyMissing || isFaulty('TLS_CERT') || isFaulty('TLS_KEY')) return
  const report: SettingReport = (name, problem) => void rule([name], true, problem)
  readTlsFiles(https.files, report)
}

function judgeHosts(values: ListeningValues, rule: Rule): void {
  const { HTTP_HOSTS: hosts = new Map<string, HostEntry>(), XMPP_DOMAINS: domains = [] } = values
  const { HTTP_DEFAULT_HOST: defaultHost, HTTP_STRICT_HOST: isStrict } = values
  for (const [name, { domain }] of hosts)
    rule(
      ['HTTP_HOSTS', 'XMPP_DOMAINS'],
      !allowsDomain(domains, domain),
      `for ${name} has the domain ${domain}, which XMPP_DOMAINS does not allow`,
    )
  rule(
    ['HTTP_DEFAULT_HOST', 'HTTP_HOSTS'],
    defaultHost !== undefined && !hosts.has(defaultHost),
    'must be one of the hosts in HTTP_HOSTS',
  )
  rule(
    ['HTTP_STRICT_HOST', 'HTTP_HOSTS'],
    isStrict && hosts.size === 0,
    'needs HTTP_HOSTS: every request would be refused',
  )
  rule(
    ['HTTP_STRICT_HOST', 'HTTP_DEFAULT_HOST'],
    isStrict && defaultHost !== undefined,
    'contradicts HTTP_DEFAULT_HOST, which answers requests to any other host: keep one of the two',
  )
  rule(
    ['BOSH_DEFAULT_DOMAIN', 'XMPP_DOMAINS'],
    values.BOSH_DEFAULT_DOMAIN !== undefined && !allowsDomain(domains, values.BOSH_DEFAULT_DOMAIN),
    'must be a domain that XMPP_DOMAINS allows',
  )
}

/** Express and the listener in front of it would disagree about a request to two endpoints. */
function judgePaths(values: ListeningValues, rule: Rule, isFaulty: (name: Name) => boolean): void {
  const { BOSH_ENABLED: isBoshOn, WARM_ENABLED: isWarmOn, BOSH_PATH: bosh, WARM_PATH: warm } = values
  rule(
    ['WARM_ENABLED', 'BOSH_ENABLED'],
    !isWarmOn && !isBoshOn,
    'is off, and so is BOSH_ENABLED: nothing is left to serve',
  )
  if (isFaulty('BOSH_PATH') || isFaulty('WARM_PATH')) return
  const isEveryHostKnown = values.HTTP_STRICT_HOST || values.HTTP_DEFAULT_HOST !== undefined
  for (const [name, path] of [
    ['BOSH_PATH', isBoshOn ? bosh : undefined],
    ['WARM_PATH', isWarmOn ? warm : undefined],
  ] as const) {
    rule(
      [name, 'HTTP_HOSTS', 'HTTP_DEFAULT_HOST', 'HTTP_STRICT_HOST'],
      path?.includes(hostVariable) && !isEveryHostKnown,
      `has ${hostVariable}, which only a host in HTTP_HOSTS fills in: set HTTP_STRICT_HOST or HTTP_DEFAULT_HOST as well, for all other hosts`,
    )
    rule([name], path !== undefined && isTaken(path), `must lie outside of ${takenPaths.join(', ')}`)
  }
  rule(
    ['WARM_PATH', 'BOSH_PATH'],
    isWarmOn && isBoshOn && overlap(warm, bosh),
    'and BOSH_PATH must differ, and neither may lie inside the other',
  )
  for (const [name, host] of httpOf(values).hosts) {
    const paths = [isBoshOn ? host.boshPath : undefined, isWarmOn ? host.warmPath : undefined]
    const [one, other] = paths
    rule(
      ['HTTP_HOSTS', 'BOSH_PATH', 'WARM_PATH'],
      one !== undefined && other !== undefined && overlap(one, other),
      `for ${name} has the same path for both endpoints, or one inside the other`,
    )
    rule(
      ['HTTP_HOSTS', 'BOSH_PATH', 'WARM_PATH'],
      paths.some(path => path !== undefined && isTaken(path)),
      `for ${name} has a path that does not lie outside of ${takenPaths.join(', ')}`,
    )
  }
}

/** Whether something of ours is there already. */
const isTaken = (path: string) => takenPaths.some(taken => overlap(path, taken))
