import type { Config, RemoteEndpoint } from './config.js'

type Serving = Pick<Config, 'servers' | 'remotes'>

/** The remote endpoint that serves a domain, if one does. What is said of a domain itself wins over what is of all others. */
export function remoteOf({ servers, remotes }: Serving, domain: string): RemoteEndpoint | undefined {
  return remotes.get(domain) ?? (servers.has(domain) ? undefined : remotes.get('*'))
}

/** Whether the browsers of a domain's users are sent to another endpoint, whose limits count then. */
export function isElsewhere(config: Serving & Pick<Config, 'remote'>, domain: string): boolean {
  return config.remote.attach === 'there' && remoteOf(config, domain) !== undefined
}
