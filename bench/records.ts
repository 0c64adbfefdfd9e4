import { cpuOfAll, type Demand, judgeRounds } from './comparison.js'
import { lines } from './lines.js'
import { closing, startService, startStore } from './processes.js'
import { chatLoad, compare, type Load, type Stage, warmUp, withFreshProsody } from './stage.js'

async function startKeeping(c2sPort: number, kept: 'on' | 'off') {
  const store = await startStore()
  const service = await startService({ c2sPort, environment: { ...store.environment, PERSIST: kept } })
  const stop = () => service.stop().then(() => store.stop())
  return closing({ target: { kind: 'product', port: service.port } as const, service, store, stop })
}

/** With and without records from which another process continues the sessions of one that dies. */
export async function measureRecords(stage: Stage): Promise<readonly Demand[]> {
  const { sizes, prosody } = stage
  const sessions = sizes.paceSessions
  await using on = await startKeeping(prosody.c2sPort, 'on')
  await using off = await startKeeping(prosody.c2sPort, 'off')
  const contender = (label: string, { target, service, store }: typeof on) =>
    withFreshProsody(stage, label, target, { service: service.pid, Redis: store.pid })
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
