// What many processes do together, computed from what one round trip costs two of them: there are no fifty machines at hand.

/** CPU of one round trip in microseconds: of the service, by where its requests come, and of what else it passes. */
export interface Costs {
  readonly local: number
  readonly other: number
  readonly nats: number
  /** Of the broker, for one over NATS. */
  readonly broker: number
  readonly balancer: number
  readonly prosody: number
  /** Undefined where it was not measured. */
  readonly ejabberd: number | undefined
}

/** Machines of so many cores, each with a process a core, behind one balancer. */
export interface Site {
  readonly machines: number
  readonly cores: number
}

export interface Capacity {
  readonly site: Site
  /** Shares of the requests that come to the process with the session, to another of its machine, and to another machine. */
  readonly local: number
  readonly other: number
  readonly nats: number
  /** Of the service, in microseconds a round trip. */
  readonly cpu: number
  /** Round trips a second with all its cores. */
  readonly rate: number
  /** What ends first, of what stands around it, and at how many round trips a second; the service, where all others go on. */
  readonly first: string
  readonly firstRate: number
}

/** Cores of the machine that NATS has, and the balancer, and ejabberd. Prosody uses one, however many there are. */
export const coresAround = 8

export const sites: readonly Site[] = [
  ...[4, 8, 16].map(cores => ({ machines: 1, cores })),
  ...[3, 10, 50].map(machines => ({ machines, cores: 8 })),
]

/** By chance a request comes to any process: to the one with the session once in as many as there are. */
export function capacityOf(costs: Costs, site: Site): Capacity {
  const { machines, cores } = site
  const processes = machines * cores
  const local = 1 / processes
  const other = (cores - 1) / processes
  const nats = 1 - local - other
  const cpu = local * costs.local + other * costs.other + nats * costs.nats
  const rate = (processes * 1e6) / cpu
  const around: readonly (readonly [name: string, microseconds: number | undefined])[] = [
    ['NATS', nats * costs.broker],
    ['HAProxy', costs.balancer],
    ['ejabberd', costs.ejabberd],
  ]
  let [first, firstRate] = ['the service', rate]
  for (const [name, microseconds] of around) {
    if (microseconds === undefined || microseconds === 0) continue
    const most = (coresAround * 1e6) / microseconds
    if (most < firstRate) [first, firstRate] = [name, most]
  }
  return { site, local, other, nats, cpu, rate, first, firstRate }
}
