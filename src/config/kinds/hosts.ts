import { prepareDomain } from '../../xmpp/jid/domains.js'
import { baseUrl, entriesOf, type Kind, path, type Report, readHostName } from './kinds.js'
import { readOption, readOptions } from './options.js'

export interface HostEntry {
  readonly domain: string | undefined
  readonly externalUrl: string | undefined
  /** `off` turns BOSH off. Undefined means BOSH_PATH, or off after `httpHosts`. */
  readonly boshPath: string | undefined
  readonly warmPath: string | undefined
  readonly websocketPath: string | undefined
}

/**
 * Reads `host=domain?url=https://host&bosh=/path&warm=off,…`. `host` alone is also the domain. `host=` serves all
 * domains. Keys of the result are host names in lower case, without ports.
 */
export const hostEntries: Kind<ReadonlyMap<string, readonly HostEntry[]>> = (text, report) => {
  const hosts = new Map<string, HostEntry[]>()
  for (const [index, entry] of entriesOf(text).entries()) {
    const [, left = '', right, query = ''] = /^([^=?]*)(?:=([^?]*))?(?:\?(.*))?$/s.exec(entry) ?? []
    const name = readHostName(left)
    const written = (right ?? left.replace(/:\d*$/, '')).trim()
    const domain = right !== undefined && written === '' ? undefined : (prepareDomain(written) ?? '[')
    const before = hosts.get(name ?? '') ?? []
    if (name === undefined || domain?.startsWith('['))
      report(`entry ${index + 1} must be like chat.example.org=example.org`)
    else if (before.some(other => other.domain === domain)) report(`lists ${name} twice`)
    else hosts.set(name, [...before, readEntry(domain, query, problem => report(`for ${name} ${problem}`))])
  }
  return hosts
}

function readEntry(domain: string | undefined, query: string, report: Report): HostEntry {
  const options = readOptions(query, ['url', 'bosh', 'warm', 'websocket'], report)
  const readPath = (name: string) => (options.get(name) === 'off' ? 'off' : readOption(options, name, path, report))
  return {
    domain,
    externalUrl: readOption(options, 'url', baseUrl, report),
    boshPath: readPath('bosh'),
    warmPath: readPath('warm'),
    websocketPath: readPath('websocket'),
  }
}
