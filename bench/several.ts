import { cpu, cpuOfAll, type Demand, judgeRounds, p50, perCpuSecond } from './comparison.js'
import { lines } from './lines.js'
import { startNeighbours, startService, startStore, startWithStore } from './processes.js'
import { chatLoad, compare, type Load, type Stage, warmLoad, warmUp, withFreshProsody } from './stage.js'
import type { Target } from './work.js'

export async function measureCarrying(stage: Stage): Promise<readonly Demand[]> {
  const { sizes, prosody } = stage
  const options = { c2sPort: prosody.c2sPort }
  await using store = await startStore()
  await using neighbours = await startNeighbours(store.environment, options)
  // The pairs know each other: the load goes to one pair alone.
  await using apart = await startNeighbours({ ...store.environment, PEER_LISTEN: '127.0.0.1:0' }, options)
  const to = (port: number, warmPort = port): Target => ({ kind: 'product', port, warmPort })
  const across = ([one, other]: typeof neighbours.both) => to(other.port, one.port)
  const contender = withFreshProsody.bind(undefined, stage)
  const { pids } = neighbours
  const all = {
    local: contender('at the process with the session', to(neighbours.both[0].port), { service: pids }),
    other: contender('at the other one of the machine', across(neighbours.both), { service: pids, Redis: store.pid }),
    apart: contender('at another one, over TLS', across(apart.both), { service: apart.pids }),
  }
  await warmUp(all, chatLoad(sizes), sizes.chatWarmUpRounds)
  const title = `Messages to oneself, ${sizes.chatSessions} sessions, a poll held before each, by where the requests come`
  const many = await compare(stage, title, all, chatLoad(sizes))
  const single = await compare(stage, 'The same, one session alone', all, chatLoad(sizes, { users: 1 }))
  return [
    judgeRounds(lines.otherWorkerCpu, many, ['other', 'local'], cpu('service')),
    judgeRounds(lines.otherWorkerLater, single, ['other', 'local'], p50),
    judgeRounds(lines.apartCpu, many, ['apart', 'local'], cpu('service')),
    judgeRounds(lines.apartLater, single, ['apart', 'local'], p50),
  ]
}

export async function measureWorkers(stage: Stage): Promise<readonly Demand[]> {
  const { sizes, prosody } = stage
  const options = { c2sPort: prosody.c2sPort }
  await using two = await startWithStore(options, { WORKERS: '2' })
  await using first = await startService(options)
  await using second = await startService(options)
  const kind = 'product'
  const apart = [first.port, second.port]
  const contender = withFreshProsody.bind(undefined, stage)
  const all = {
    two: contender('WORKERS=2, with the primary', { kind, port: two.port }, { service: two.pids }),
    apart: contender('two processes apart', { kind, port: first.port, apart }, { service: [first.pid, second.pid] }),
  }
  await warmUp(all, warmLoad(sizes), sizes.warmUpRounds)
  const title = 'Warming, 10 at once, by workers and by processes apart'
  const warms = await compare(stage, title, all, warmLoad(sizes))
  return [judgeRounds(lines.workersWarm, warms, ['two', 'apart'], perCpuSecond('service'))]
}

/** With and without records from which another process continues the sessions of one that dies. */
export async function measureRecords(stage: Stage): Promise<readonly Demand[]> {
  const { sizes, prosody } = stage
  const sessions = sizes.paceSessions
  const options = { c2sPort: prosody.c2sPort }
  await using on = await startWithStore(options, { PERSIST: 'on' })
  await using off = await startWithStore(options, { PERSIST: 'off' })
  const contender = (label: string, { port, pids, store }: typeof on) =>
    withFreshProsody(stage, label, { kind: 'product', port }, { service: pids, Redis: store.pid })
  const all = { on: contender('PERSIST=on', on), off: contender('PERSIST=off', off) }
  const load = (secondsPerMessage: number): Load => ({
    ...{ part: 'even', users: sessions, amount: sizes.paceSeconds, secondsPerMessage },
  })
  await warmUp(all, load(0.5), 2)
  const trips = await compare(stage, `Messages to oneself, ${sizes.chatSessions} sessions`, all, chatLoad(sizes))
  const often = await compare(stage, `${sessions} sessions, two messages a second of each`, all, load(0.5))
  const sparse = await compare(stage, 'The same, a message every five seconds of each', all, load(5))
  const cpu = cpuOfAll('service', 'Redis', 'Prosody')
  return [
    judgeRounds(lines.recordsTrip, trips, ['on', 'off'], cpu),
    judgeRounds(lines.recordsCpu, often, ['on', 'off'], cpu),
    judgeRounds(lines.recordsSparse, sparse, ['on', 'off'], cpu),
  ]
}
