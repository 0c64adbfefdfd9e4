import { startEjabberd } from '../test/support/ejabberd.js'
import { cpu, type Demand, judgeRounds, p99, rate } from './comparison.js'
import { type Line, lines } from './lines.js'
import { closing, startEcho, startFloor, startLoadClient, startService } from './processes.js'
import {
  accountsOf,
  type Contender,
  chatLoad,
  compare,
  type Load,
  names,
  product,
  type Stage,
  users,
  warmUp,
  withFreshProsody,
  withoutProsody,
} from './stage.js'
import type { Processes, Target } from './work.js'

const overWebSocket = { over: 'websocket' } as const

export async function measureBosh(stage: Stage): Promise<readonly Demand[]> {
  const { sizes, prosody } = stage
  await using service = await startService({ c2sPort: prosody.c2sPort })
  await using echo = await startEcho()
  await using floor = await startFloor(echo.port)
  const { port } = floor
  const pids = { floor: floor.pid }
  const all = {
    product: withFreshProsody(stage, ...product(service)),
    peer: withFreshProsody(stage, "Prosody's own endpoint", { kind: 'peer', port: prosody.httpPort }),
    floor: withoutProsody(stage, 'two empty POSTs at node:http', { kind: 'floor', port }, pids),
    relay: withoutProsody(stage, 'the same to read and to write', { kind: 'relay', port }, pids),
  }
  await warmUp(all, chatLoad(sizes), sizes.chatWarmUpRounds)
  const title = `Messages to oneself, ${sizes.chatSessions} sessions, a poll held before each`
  const held = await compare(stage, title, all, chatLoad(sizes))
  return [
    judgeRounds(lines.chat, held, ['product', 'peer'], rate),
    judgeRounds(lines.chatCpu, held, ['product', 'floor'], cpu('service'), cpu('floor')),
  ]
}

export async function measureWebSocket(stage: Stage): Promise<readonly Demand[]> {
  const { sizes, prosody } = stage
  await using service = await startService({ c2sPort: prosody.c2sPort })
  const contender = withFreshProsody.bind(undefined, stage)
  const { port, pid } = service
  const all = {
    product: contender(...product(service, overWebSocket)),
    peer: contender("Prosody's own endpoint", { kind: 'peer', port: prosody.httpPort, ...overWebSocket }),
    bosh: contender('the service over BOSH, a poll held', { kind: 'product', port }, { service: pid }),
  }
  await warmUp(all, chatLoad(sizes), sizes.chatWarmUpRounds)
  const title = `Messages to oneself over WebSocket, ${sizes.chatSessions} sessions`
  const comparison = await compare(stage, title, all, chatLoad(sizes))
  return [
    judgeRounds(lines.socketChat, comparison, ['product', 'peer'], rate),
    judgeRounds(lines.socketCpu, comparison, ['product', 'bosh'], cpu('service')),
  ]
}

/** Without `pollFirst`: ejabberd 23.01 sometimes reads two requests in the wrong order, and answers neither. */
export const measureBoshBeforeEjabberd = (stage: Stage) =>
  measureBeforeEjabberd(stage, 'Messages to oneself', lines.chatEjabberd, {}, { pollFirst: false })

export const measureWebSocketBeforeEjabberd = (stage: Stage) =>
  measureBeforeEjabberd(stage, 'Messages to oneself over WebSocket', lines.socketEjabberd, overWebSocket)

async function measureBeforeEjabberd(
  stage: Stage,
  title: string,
  line: Line,
  over: Pick<Target, 'over'>,
  about?: Partial<Load>,
): Promise<readonly Demand[]> {
  const { sizes } = stage
  await using ejabberd = closing(await startEjabberd({ users: accountsOf(names('user', users)), plain: true }))
  await using service = await startService({ c2sPort: ejabberd.c2sPort })
  await using floor = await startFloor(ejabberd.c2sPort)
  const contender = (label: string, target: Target, pids: Processes = {}) =>
    withoutProsody(stage, label, { ...target, ...over }, { ...pids, ejabberd: ejabberd.pid })
  const relay = contender('the same to read and to write', { kind: 'peer', port: floor.port }, { floor: floor.pid })
  const load = chatLoad(sizes, about)
  const all: Record<string, Contender> = {
    product: contender(...product(service)),
    peer: contender("ejabberd's own endpoint", { kind: 'peer', port: ejabberd.httpPort }),
    ...(over === overWebSocket && { relay }),
  }
  await warmUp(all, load, sizes.chatWarmUpRounds)
  const comparison = await compare(stage, `${title}, ${sizes.chatSessions} sessions, before ejabberd`, all, load)
  return [judgeRounds(line, comparison, ['product', 'peer'], rate)]
}

const warmsPerSecond = 50
const marginSeconds = 2

export async function measureMixed(stage: Stage): Promise<readonly Demand[]> {
  const { mixedSeconds } = stage.sizes
  await using service = await startService({ c2sPort: stage.prosody.c2sPort })
  // In the same process, reading replies to warms would delay the chats.
  await using warmer = startLoadClient()
  const target: Target = { kind: 'product', port: service.port }
  const pids = { service: service.pid }
  const load = chatLoad(stage.sizes, { amount: mixedSeconds })
  const alone = withFreshProsody(stage, 'round trips alone', target, pids)
  const mixed: Contender = {
    label: `beside ${warmsPerSecond} warms a second`,
    run: async work => {
      await stage.prosody.restart()
      const amount = mixedSeconds + marginSeconds
      const warming = warmer.run({ part: 'pace', target, users, warmsPerSecond, amount, pids: {} })
      warming.catch(() => {})
      const figures = await withoutProsody(stage, '', target, { ...pids, Prosody: stage.prosody.pid }).run(work)
      await warming
      return figures
    },
  }
  for (let round = 0; round < 2; round++) await mixed.run(load)
  const comparison = await compare(stage, 'Round trips beside warms', { alone, mixed }, load)
  return [judgeRounds(lines.mixed, comparison, ['mixed', 'alone'], p99)]
}
