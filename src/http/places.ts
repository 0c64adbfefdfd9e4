// Addresses that the settings name and this machine has not.
import { createServer } from 'node:net'
import type { Config } from '../config/config.js'
import type { Place } from '../config/listen-addresses.js'

/** What is wrong with the addresses of the settings, each tried at a free port: a service that runs is not in the way. */
export async function unusablePlaces({
  listen,
  https,
  metrics,
}: Pick<Config, 'listen' | 'https' | 'metrics'>): Promise<string[]> {
  const named = [
    ...listen.places.map(({ host }) => ['HOST', host] as const),
    ...(https?.places ?? []).map(({ host }) => [https!.placesFrom, host] as const),
    ...(metrics.address === undefined ? [] : [['METRICS_ADDRESS', metrics.address.host] as const]),
  ]
  const problems = await Promise.all(
    named.map(async ([setting, host]) => {
      const code = await codeOfBinding(host)
      const reason = code && reasonAgainst(code)
      return reason && `${setting} has ${host}, ${reason}`
    }),
  )
  return [...new Set(problems.filter(problem => problem !== undefined))]
}

/** What an error says of the address that was to be listened on; undefined where it says nothing of it. */
export function reasonAgainst(code: string | undefined): string | undefined {
  switch (code) {
    case 'EADDRNOTAVAIL':
      return 'which is no address of this machine'
    case 'EAFNOSUPPORT':
      return 'and this machine has no addresses of that family'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `a name that leads to no address (${code})`
    case 'EINVAL':
      return 'where nothing can listen (EINVAL)'
    default:
      return undefined
  }
}

/** An address as it stands before its port. */
export function written({ host, port }: Place): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function codeOfBinding(host: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
    server.listen({ host, port: 0 }, () => server.close(() => resolve(undefined)))
  })
}
