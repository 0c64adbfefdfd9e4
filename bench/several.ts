import { alignedRow, type Comparison, cpu, judgeLater, judgeRatio, median, perCpuSecond } from './comparison.js'
import { lines } from './lines.js'
import { startApart, startBalancer, startNeighbours, startService, startStore, startWorkers } from './processes.js'
import type { PartResult } from './results.js'
import { chatLoad, compare, type Stage, warmLoad, warmUp, withFreshProsody } from './stage.js'
import type { Target } from './work.js'

export async function measureCarrying(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const options = { c2sPort: prosody.c2sPort }
  await using alone = await startService(options)
  await using balancer = await startBalancer(alone.port)
  await using store = await startStore()
  await using neighbours = await startNeighbours(store.environment, options)
  // The pairs know each other: the load goes to one pair alone.
  await using apart = await startApart(store.environment, options)
  const to = (port: number, warmPort = port): Target => ({ kind: 'product', port, warmPort })
  const across = ([one, other]: typeof neighbours.both) => to(other.port, one.port)
  const contender = withFreshProsody.bind(undefined, stage)
  const { pids } = neighbours
  const all = {
    alone: contender('a process without others', to(alone.port), { service: alone.pid }),
    balanced: contender('the same behind HAProxy', to(balancer.port, alone.port), {
      ...{ service: alone.pid, HAProxy: balancer.pid },
    }),
    local: contender('at the process with the session', to(neighbours.both[0].port), { service: pids }),
    other: contender('at the other one of the machine', across(neighbours.both), { service: pids, Redis: store.pid }),
    apart: contender('at another one, over TLS', across(apart.both), { service: apart.pids }),
  }
  await warmUp(all, chatLoad(sizes), sizes.chatWarmUpRounds)
  const title = `Messages to oneself, ${sizes.chatSessions} sessions, a poll held before each, by where the requests come`
  const many = await compare(stage, title, all, chatLoad(sizes))
  const single = await compare(stage, 'The same, one session alone', all, chatLoad(sizes, { users: 1 }))
  log(capacities(many))
  const others = { alsoBeside: ['alone'] as const }
  return {
    verdicts: [
      judgeRatio(lines.otherWorkerCpu, many, ['other', 'local'], cpu('service'), others),
      judgeLater(lines.otherWorkerLater, single, ['other', 'local']),
      judgeRatio(lines.apartCpu, many, ['apart', 'local'], cpu('service'), others),
      judgeLater(lines.apartLater, single, ['apart', 'local']),
    ],
    comparisons: [many, single],
  }
}

const coresAround = 8

function capacities({ rounds }: Comparison<'local' | 'other' | 'apart' | 'balanced'>): string {
  const costs = (key: keyof typeof rounds, process: string) => median(rounds[key].map(cpu(process).of))
  const balancer = costs('balanced', 'HAProxy')
  const ofSite = ([machines, cores]: readonly [number, number]) => {
    const processes = machines * cores
    const [local, other] = [1 / processes, (cores - 1) / processes]
    const apart = 1 - local - other
    const microseconds =
      local * costs('local', 'service') + other * costs('other', 'service') + apart * costs('apart', 'service')
    const rate = (processes * 1e6) / microseconds
    const most = (each: number) => (coresAround * 1e6) / each
    const limits = [
      ['the service', rate],
      [`HAProxy on ${coresAround} cores`, most(balancer)],
    ] as const
    const [first, firstRate] = limits.toSorted(([, one], [, two]) => one - two)[0]!
    const percents = [local, other, apart].map(share => `${(100 * share).toFixed(1)} %`)
    return [
      ...[`${machines} of ${cores} cores`, percents.join(', '), `${microseconds.toFixed(0)} us`],
      ...[thousands(rate), ((rate * balancer) / 1e6).toFixed(1)],
      `${first}, at ${thousands(firstRate)}/s`,
    ]
  }
  const head = ['machines', 'requests here, on the machine, elsewhere', 'CPU', 'round trips/s']
  const cores = [4, 8, 16, 8, 8, 8]
  const sites = [1, 1, 1, 3, 10, 50].map((machines, at) => [machines, cores[at]!] as const)
  const rows = [[...head, 'cores of HAProxy', 'first limit'], ...sites.map(ofSite)]
  const table = rows.map(cells => `  ${alignedRow(cells, rows)}`)
  const prosody = thousands(1e6 / costs('local', 'Prosody'))
  return ['', `Computed from these costs, a process a core; one Prosody ends at ${prosody}/s`, ...table].join('\n')
}

const thousands = (count: number) => (Math.round(count / 1_000) * 1_000).toLocaleString('en')

export async function measureWorkers(stage: Stage): Promise<PartResult> {
  const { sizes, prosody } = stage
  const options = { c2sPort: prosody.c2sPort }
  await using one = await startService(options)
  await using two = await startWorkers(2, options)
  await using first = await startService(options)
  await using second = await startService(options)
  const contender = withFreshProsody.bind(undefined, stage)
  const kind = 'product'
  const all = {
    one: contender('one process', { kind, port: one.port }, { service: one.pid }),
    two: contender(
      'WORKERS=2, with the primary',
      { kind, port: two.port },
      { service: two.pids, Redis: two.store.pid },
    ),
    apart: contender(
      'two processes that do not know each other',
      { kind, port: first.port, apart: [first.port, second.port] },
      { service: [first.pid, second.pid] },
    ),
  }
  const warmUps = [all.one, all.two, all.apart, all.two, all.apart]
  await warmUp(warmUps, warmLoad(sizes), sizes.warmUpRounds)
  const warming = 'Warming, 10 at once, by one process and by workers'
  const warms = await compare(stage, warming, all, warmLoad(sizes), sizes.sharingRounds)
  await warmUp(all, chatLoad(sizes), sizes.chatWarmUpRounds)
  const chatting = `Messages to oneself, ${sizes.chatSessions} sessions, on connections placed at random`
  const chats = await compare(stage, chatting, all, chatLoad(sizes), sizes.sharingRounds)
  const others = { alsoBeside: ['apart'] as const }
  return {
    verdicts: [
      judgeRatio(lines.workersWarm, warms, ['two', 'one'], perCpuSecond('service'), others),
      judgeRatio(lines.workersChat, chats, ['two', 'one'], perCpuSecond('service'), others),
    ],
    comparisons: [warms, chats],
  }
}
