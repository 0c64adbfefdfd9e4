import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/config.js'
import { isEncrypted } from './secure-channel.js'

/** The path before our own in the addresses that browsers see: empty, or that of `externalUrl` without its last slash. */
export function homePath(externalUrl: string | undefined): string {
  return externalUrl === undefined ? '' : new URL(externalUrl).pathname.replace(/\/$/, '')
}

/** The BOSH endpoint's address for browsers; without `externalUrl` it is taken from the request's own. */
export function boshUrl(
  config: Pick<Config, 'externalUrl' | 'boshPath' | 'assumeSecure' | 'host'>,
  request: IncomingMessage,
): string {
  if (config.externalUrl !== undefined) return config.externalUrl + config.boshPath
  const scheme = isEncrypted(request) || config.assumeSecure ? 'https' : 'http'
  const bound = config.host.includes(':') ? `[${config.host}]` : config.host
  return `${scheme}://${request.headers.host ?? `${bound}:${request.socket.localPort}`}${config.boshPath}`
}
