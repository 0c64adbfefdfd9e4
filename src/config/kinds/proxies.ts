// Problems never quote the URL, which may contain a password.

import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { percentDecoded } from '../../lib/text/form-pairs.js'
import { withoutBrackets } from '../../lib/text/without-brackets.js'
import type { Kind } from './kinds.js'
import { Networks } from './networks.js'

/** A proxy that supports CONNECT (RFC 9110 §9.3.6). */
export interface HttpProxy {
  /** An IPv6 address has no brackets. */
  readonly host: string
  readonly port: number
  /** Value of `Proxy-Authorization`. */
  readonly authorization: string | undefined
}

/** An entry of NO_PROXY. Without a port, it is for all ports. */
export interface Exclusion {
  /** A domain with its subdomains, or `*`. */
  readonly hosts: string | Networks
  readonly port: number | undefined
}

const escapes = '; if it has a password, write / in it as %2F, : as %3A, @ as %40, # as %23 and ? as %3F'

export const proxyUrl: Kind<HttpProxy> = (text, report) => {
  const written = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(written) ? new URL(written) : undefined
  if (url?.protocol !== 'http:') {
    const hint = url === undefined && text.includes('@') ? escapes : ''
    return report(`must be the URL of an HTTP proxy, such as http://proxy.example.org:3128${hint}`)
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return report(`has text after its host and port${escapes}`)
  const user = percentDecoded(url.username)
  const password = percentDecoded(url.password)
  if (user === undefined || password === undefined)
    return report('has a % that begins no escape in its user or password: write %25')
  const hasAccount = url.username + url.password !== ''
  return {
    host: withoutBrackets(url.hostname),
    port: url.port === '' ? 80 : Number(url.port),
    authorization: hasAccount ? `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` : undefined,
  }
}

/** Ignores entries that cannot be read, as curl does: the variable is often set for all programs of a machine. */
export const exclusions: Kind<readonly Exclusion[]> = text =>
  entriesOf(text)
    .map(exclusionOf)
    .filter(exclusion => exclusion !== undefined)

const entriesOf = (text: string) => text.split(/[\s,]+/).filter(entry => entry !== '')

function exclusionOf(entry: string): Exclusion | undefined {
  // An IPv6 address without brackets has no port.
  const [, bracketed, plain = entry, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(entry) ?? []
  const host = bracketed ?? plain
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && port > 65_535) return undefined
  if (isIP(host.split('/', 1)[0]!) !== 0) {
    const hosts = new Networks([host])
    return hosts.add(host, false) ? { hosts, port } : undefined
  }
  if (host === '*') return { hosts: '*', port }
  const domain = domainToASCII(host.replace(/^\*?\./, '').replace(/\.$/, ''))
  return domain === '' || domain.includes('*') ? undefined : { hosts: domain, port }
}
