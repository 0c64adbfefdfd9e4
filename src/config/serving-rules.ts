// What the settings of HTTP hosts, of domains and of paths have to do with each other.

import { allowsDomain } from '../jid/domains.js'
import type { HttpHost } from './config.js'
import type { HostEntry } from './hosts.js'
import { httpOf, type ListeningValues, type Rule } from './listening.js'
import { hostVariable, overlap, takenPaths } from './paths.js'
import type { Name } from './settings.js'

/** Judges what is served under which names and paths; a rule about what is faulty by itself keeps silent. */
export function judgeServing(values: ListeningValues, rule: Rule, isFaulty: (name: Name) => boolean): void {
  judgeHosts(values, rule)
  judgePaths(values, rule, isFaulty)
}

function judgeHosts(values: ListeningValues, rule: Rule): void {
  const { HTTP_HOSTS: hosts = new Map<string, HostEntry[]>(), XMPP_DOMAINS: domains = [] } = values
  const { HTTP_DEFAULT_HOST: defaultHost, HTTP_STRICT_HOST: isStrict } = values
  for (const [name, entries] of hosts)
    for (const { domain } of entries)
      rule(
        ['HTTP_HOSTS', 'XMPP_DOMAINS'],
        domain !== undefined && !allowsDomain(domains, domain),
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
  const names = ['HTTP_HOSTS', 'BOSH_PATH', 'WARM_PATH'] as const
  for (const [name, hosts] of httpOf(values).hosts) {
    const pathsOf = ({ boshPath, warmPath }: HttpHost) => ({
      bosh: isBoshOn ? boshPath : undefined,
      warm: isWarmOn ? warmPath : undefined,
    })
    for (const [index, host] of hosts.entries()) {
      const { bosh: one, warm: other } = pathsOf(host)
      const paths = [one, other].filter(path => path !== undefined)
      rule(
        names,
        one !== undefined && other !== undefined && overlap(one, other),
        `for ${name} has the same path for both endpoints, or one inside the other`,
      )
      rule(
        names,
        paths.some(isTaken),
        `for ${name} has a path that does not lie outside of ${takenPaths.join(', ')}`,
      )
      rule(
        names,
        paths.some(path => path.includes(hostVariable)),
        `for ${name} has no domain that ${hostVariable} in a path could stand for: give it paths of its own`,
      )
      for (const before of hosts.slice(0, index))
        rule(
          names,
          contradict(pathsOf(before), { bosh: one, warm: other }),
          `for ${name} has the same path for ${called(before)} and ${called(host)}, or one inside the other: write ${hostVariable} in BOSH_PATH, or give each paths of its own`,
        )
    }
  }
}

const called = ({ domain }: HttpHost) => domain ?? 'all domains'

interface EndpointPaths {
  readonly bosh: string | undefined
  readonly warm: string | undefined
}

/** Whether a request could be for either of two domains of one host. A warm API may be the same for both: calls name theirs. */
function contradict(one: EndpointPaths, other: EndpointPaths): boolean {
  const meet = (path: string | undefined, next: string | undefined) =>
    path !== undefined && next !== undefined && overlap(path, next)
  return (
    meet(one.bosh, other.bosh) ||
    meet(one.bosh, other.warm) ||
    meet(one.warm, other.bosh) ||
    (one.warm !== other.warm && meet(one.warm, other.warm))
  )
}

/** Whether something of ours is there already. */
const isTaken = (path: string) => takenPaths.some(taken => overlap(path, taken))
