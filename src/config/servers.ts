import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from './config.js'
import { prepareDomain } from './domains.js'
import { readList } from './list.js'
import { type Report, switches } from './settings.js'

/** Reads `domain=xmpp://host:port?option=value&…`, separated by commas, and the certificates these name. */
export function readServers(text: string, report: Report): Map<string, Server> {
  const servers = new Map<string, Server>()
  for (const [index, entry] of readList(text).entries()) {
    const [left = '', url = ''] = entry.split(/=(.*)/s, 2)
    const domain = entry.includes('=') ? prepareDomain(left.trim()) : undefined
    if (domain === undefined)
      report(`entry ${index + 1} must be like example.org=xmpp://xmpp.example.org:5222`)
    else if (servers.has(domain)) report(`lists ${domain} twice`)
    else
      servers.set(
        domain,
        readServer(url.trim(), problem => report(`for ${domain} ${problem}`)),
      )
  }
  return servers
}

const serverUrl = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]*\]|[^:/?#@[\]]*)(?::(\d+))?\/?(?:\?(.*))?$/i

function readServer(url: string, report: Report): Server {
  const [, scheme = '', name = '', digits = '5222', query = ''] = serverUrl.exec(url) ?? []
  const host = prepareDomain(name)?.replace(/^\[(.*)\]$/, '$1')
  const port = Number(digits)
  if (/^(xmpps|https):/i.test(url)) report('has xmpps:// or https://, not supported yet: write xmpp://')
  else if (!/^xmpp$/i.test(scheme) || host === undefined || port < 1 || port > 65535)
    report('must have an address like xmpp://xmpp.example.org:5222, and only then "?" and options')

  const options = readOptions(query, report)
  const tls = options.get('tls') ?? 'starttls'
  if (tls !== 'starttls' && tls !== 'none') report('must have tls=starttls or tls=none')
  const plain = switches.get(options.get('plain') ?? 'off') ?? report('must have plain=on or plain=off')
  const verify = switches.get(options.get('verify') ?? 'on') ?? report('must have verify=on or verify=off')
  if (plain && tls !== 'none')
    report('has plain=on without tls=none: PLAIN is allowed on encrypted links anyway')
  const file = options.get('ca')
  if (tls === 'none' && (file !== undefined || verify === false))
    report('has ca or verify beside tls=none, where there is no certificate to check')
  const ca = file === undefined ? undefined : readCertificates(file, report)
  return {
    host: host ?? '',
    port,
    tls: tls === 'none' ? tls : 'starttls',
    plain: plain === true,
    ca,
    verify: verify !== false,
  }
}

/** Not URLSearchParams: it takes a plus for a space, and file names have pluses. */
function readOptions(query: string, report: Report): Map<string, string> {
  const options = new Map<string, string>()
  for (const option of query === '' ? [] : query.split('&')) {
    const [key = '', value = ''] = option.split(/=(.*)/s, 2)
    if (!['tls', 'plain', 'ca', 'verify'].includes(key)) report(`has an unknown option "${key}"`)
    else if (options.has(key)) report(`has the option ${key} twice`)
    else options.set(key, decode(value) ?? report(`has a % in ${key} that begins no escape: write %25`) ?? '')
  }
  return options
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The certificates in a PEM file and nothing else of it: a key that stands beside them is not ours to keep. */
function readCertificates(file: string, report: Report): string | undefined {
  try {
    const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
    const certificates = readFileSync(file, 'latin1').match(pem) ?? []
    for (const certificate of certificates) new X509Certificate(certificate)
    if (certificates.length > 0) return certificates.join('\n')
  } catch {}
  return report('has a ca that cannot be read or is not a PEM file of certificates')
}
