import { X509Certificate } from 'node:crypto'
import { isLoopback } from '../../lib/client-network.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { entriesOf, type Kind, type Report } from './kinds.js'
import { type Options, readOption, readOptions, readSwitch } from './options.js'
import { certificatesFile, pemOf, privateKeyFile } from './pem.js'

export interface Trust {
  readonly allowsPlain: boolean
  readonly ca: string | undefined
  readonly verify: boolean
  /** PEM texts for SASL EXTERNAL. */
  readonly certificate: { readonly cert: string; readonly key: string; readonly keyFile?: string } | undefined
}

export interface Server extends Trust {
  /** From `prepareDomain`, or an IP address without brackets. */
  readonly host: string
  readonly port: number
  /** `direct` is direct TLS (XEP-0368). */
  readonly tls: 'starttls' | 'direct' | 'none'
  readonly management?: false | undefined
  readonly sasl2?: false | undefined
}

export interface RemoteEndpoint extends Omit<Trust, 'certificate'> {
  /** Undefined if host-meta has the URL (XEP-0156 §2). */
  readonly url: string | undefined
}

/**
 * `domain=xmpp://host:port?option=value&…`, `xmpps://`, `domain=https://host/path` or `domain=host-meta`. The domain
 * `*` is every other domain.
 */
export const serversByDomain: Kind<{
  readonly servers: ReadonlyMap<string, Server>
  readonly remotes: ReadonlyMap<string, RemoteEndpoint>
}> = (text, report) => {
  const servers = new Map<string, Server>()
  const remotes = new Map<string, RemoteEndpoint>()
  for (const [index, entry] of entriesOf(text).entries()) {
    const [left = '', right = ''] = entry.split(/=(.*)/s, 2)
    const name = left.trim()
    const address = right.trim()
    const domain = name === '*' ? name : entry.includes('=') ? prepareDomain(name) : undefined
    const fault: Report = problem => report(`for ${domain} ${problem}`)
    if (domain === undefined) report(`entry ${index + 1} must be like example.org=xmpp://xmpp.example.org:5222`)
    else if (servers.has(domain) || remotes.has(domain)) report(`lists ${domain} twice`)
    else if (/^(https?:|host-meta($|\?))/i.test(address)) remotes.set(domain, readRemote(address, fault))
    else servers.set(domain, readServer(address, fault))
  }
  return { servers, remotes }
}

const serverUrl = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]*\]|[^:/?#@[\]]*)(?::(\d+))?\/?(?:\?(.*))?$/i

function readServer(url: string, report: Report): Server {
  const isDirect = /^xmpps:/i.test(url)
  const [, scheme = '', name = '', digits = isDirect ? '5223' : '5222', query = ''] = serverUrl.exec(url) ?? []
  const host = prepareDomain(name)?.replace(/^\[(.*)\]$/, '$1')
  const port = Number(digits)
  if (!/^xmpps?$/i.test(scheme) || host === undefined || port < 1 || port > 65535)
    report('must have an address like xmpp://xmpp.example.org:5222, followed by "?" and options')

  const options = readOptions(query, ['tls', 'plain', 'ca', 'verify', 'cert', 'key', 'sm', 'sasl2'], report)
  const tls = options.get('tls') ?? 'starttls'
  if (isDirect && options.has('tls')) report('has tls beside xmpps://, which is TLS from the start')
  else if (tls !== 'starttls' && tls !== 'none') report('must have tls=starttls or tls=none')
  const trust = readTrust(options, report)
  if (trust.allowsPlain && tls !== 'none')
    report('has plain=on without tls=none: PLAIN is allowed on encrypted links anyway')
  if (tls === 'none' && ['ca', 'verify', 'cert', 'key'].some(name => options.has(name)))
    report('has ca, verify, cert or key beside tls=none, where there are no certificates')
  return {
    host: host ?? '',
    port,
    tls: isDirect ? 'direct' : tls === 'none' ? tls : 'starttls',
    ...trust,
    management: readSwitch(options, 'sm', 'on', report) ? undefined : false,
    sasl2: readSwitch(options, 'sasl2', 'on', report) ? undefined : false,
    certificate: readOwnCertificate(options, report),
  }
}

function readRemote(address: string, report: Report): RemoteEndpoint {
  const [, place = '', query = ''] = /^([^?]*)(?:\?(.*))?$/s.exec(address) ?? []
  const options = readOptions(query, ['insecure', 'plain', 'ca', 'verify'], report)
  const insecure = options.get('insecure') === '' || readSwitch(options, 'insecure', 'off', report)
  const url = /^host-meta$/i.test(place) ? undefined : readEndpointUrl(place, report)
  const isUnencrypted = url?.protocol === 'http:'
  if (isUnencrypted && !insecure && !isLoopback(url.hostname))
    report(
      'has http:// for another machine, so that an attacker in the network can read everything: write https://, or add ?insecure',
    )
  if (insecure && !isUnencrypted)
    report('has insecure without http://: to skip the check of certificates, write verify=off')
  const trust = readTrust(options, report)
  if (trust.allowsPlain && !isUnencrypted) report('has plain=on without http://: PLAIN is allowed over https anyway')
  if (isUnencrypted && (options.has('ca') || options.has('verify')))
    report('has ca or verify beside http://, where there is no certificate to check')
  return { url: url?.href, ...trust }
}

function readEndpointUrl(text: string, report: Report): URL | undefined {
  const url = URL.canParse(text) && !text.includes('#') ? new URL(text) : undefined
  if (url !== undefined && url.username + url.password === '') return url
  return report('must have an address like https://xmpp.example.org/http-bind, followed by "?" and options')
}

function readTrust(options: Options, report: Report): Omit<Trust, 'certificate'> {
  const allowsPlain = readSwitch(options, 'plain', 'off', report)
  const ca = readOption(options, 'ca', certificatesFile, report)
  return { allowsPlain, ca, verify: readSwitch(options, 'verify', 'on', report) }
}

function readOwnCertificate(options: Options, report: Report): Trust['certificate'] {
  const keyFile = options.get('key') ?? options.get('cert')
  if (keyFile === undefined) return undefined
  if (!options.has('cert')) return report('has a key without a cert')
  const cert = readOption(options, 'cert', certificatesFile, report)
  if (cert === undefined) return undefined
  const key = privateKeyFile(keyFile, problem => report(`has key, which ${problem}`))
  if (key === undefined) return undefined
  if (new X509Certificate(cert).checkPrivateKey(key)) return { cert, key: pemOf(key), keyFile }
  return report('has a key that does not belong to its cert')
}
