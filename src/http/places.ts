// Addresses that the settings name and this machine has not.
import { createServer } from 'node:net'
import type { Config } from '../config/config.js'

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
      const reason = reasonAgainst(await codeOfBinding(host))
      return reason && `${setting} has ${host}, ${reason}`
    }),
  )
  return [...new Set(problems.filter(problem => problem !== undefined))]
}

/** What an error says of the address that was to be listened on; undefined where it says nothing of it. */
export function reasonAgainst(code: string | undefined): string | undefined {
  return code === undefined ? undefined : reasons[code]
}

const reasons: Partial<Record<string, string>> = {
  EADDRNOTAVAIL: 'which is no address of this machine',
  EAFNOSUPPORT: 'and this machine has no addresses of that family',
  ENOTFOUND: 'a name that leads to no address (ENOTFOUND)',
  EAI_AGAIN: 'a name that leads to no address (EAI_AGAIN)',
  EINVAL: 'where nothing can listen (EINVAL)',
}

function codeOfBinding(host: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
    server.listen({ host, port: 0 }, () => server.close(() => resolve(undefined)))
  })
}
