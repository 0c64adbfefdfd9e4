// Targets 4 to 6, 11 and 12 of lines.ts.
import { startEjabberd } from '../test/support/ejabberd.js'
import { cpu, judgeRatio, rate } from './comparison.js'
import { lines } from './lines.js'
import { closing, startEcho, startFloor, startService } from './processes.js'
import type { PartResult } from './results.js'
import {
  accountsOf,
  chatLoad,
  compare,
  names,
  type Stage,
  users,
  warmUp,
  withFreshProsody,
  withoutProsody,
} from './stage.js'

const startPlainEjabberd = async () =>
  closing(await startEjabberd({ users: accountsOf(names('user', users)), plain: true }))

export async function measureBosh(stage: Stage): Promise<PartResult> {
  const { sizes, prosody } = stage
  await using service = await startService({ c2sPort: prosody.c2sPort })
  await using echo = await startEcho()
  await using floor = await startFloor(echo.port)
  const { port } = floor
  const servers = {
    product: withFreshProsody(stage, 'the service', { kind: 'product', port: service.port }, { service: service.pid }),
    peer: withFreshProsody(stage, "Prosody's own endpoint", { kind: 'peer', port: prosody.httpPort }),
  }
  const pids = { floor: floor.pid }
  const all = {
    ...servers,
    floor: withoutProsody(stage, 'two empty POSTs at node:http', { kind: 'floor', port }, pids),
    relay: withoutProsody(stage, 'the same to read and to write', { kind: 'relay', port }, pids),
  }
  await warmUp(all, chatLoad(sizes), sizes.chatWarmUpRounds)
  const title = `Messages to oneself, ${sizes.chatSessions} sessions, a poll held before each`
  const held = await compare(stage, title, all, chatLoad(sizes))
  const sparing = await compare(
    stage,
    'The same, where the message itself is the next poll',
    servers,
    chatLoad(sizes, { pollFirst: false }),
  )
  return {
    verdicts: [
      judgeRatio(lines.chat, held, ['product', 'peer'], rate),
      judgeRatio(lines.chatSparing, sparing, ['product', 'peer'], rate),
      judgeRatio(lines.chatCpu, held, ['product', 'floor'], cpu('service'), {
        theirMeasure: cpu('floor'),
        alsoBeside: ['relay'],
      }),
    ],
    comparisons: [held, sparing],
  }
}

/** Without `pollFirst`: ejabberd 23.01 sometimes reads two requests in the wrong order, and answers neither. */
export async function measureBoshBeforeEjabberd(stage: Stage): Promise<PartResult> {
  const { sizes } = stage
  await using ejabberd = await startPlainEjabberd()
  await using service = await startService({ c2sPort: ejabberd.c2sPort })
  const pids = { ejabberd: ejabberd.pid }
  const all = {
    product: withoutProsody(
      stage,
      'the service',
      { kind: 'product', port: service.port },
      { service: service.pid, ...pids },
    ),
    peer: withoutProsody(stage, "ejabberd's own endpoint", { kind: 'peer', port: ejabberd.httpPort }, pids),
  }
  const load = chatLoad(sizes, { pollFirst: false })
  await warmUp(all, load, sizes.chatWarmUpRounds)
  const title = `Messages to oneself, ${sizes.chatSessions} sessions, before ejabberd`
  const comparison = await compare(stage, title, all, load)
  return {
    verdicts: [judgeRatio(lines.chatEjabberd, comparison, ['product', 'peer'], rate)],
    comparisons: [comparison],
  }
}

export async function measureWebSocket(stage: Stage): Promise<PartResult> {
  const { sizes, prosody } = stage
  await using service = await startService({ c2sPort: prosody.c2sPort })
  const contender = withFreshProsody.bind(undefined, stage)
  const { port } = service
  const pids = { service: service.pid }
  const over = 'websocket'
  const all = {
    product: contender('the service', { kind: 'product', port, over }, pids),
    peer: contender("Prosody's own endpoint", { kind: 'peer', port: prosody.httpPort, over }),
    bosh: contender('the service over BOSH, a poll held', { kind: 'product', port }, pids),
  }
  await warmUp(all, chatLoad(sizes), sizes.chatWarmUpRounds)
  const title = `Messages to oneself over WebSocket, ${sizes.chatSessions} sessions`
  const comparison = await compare(stage, title, all, chatLoad(sizes))
  return {
    verdicts: [
      judgeRatio(lines.socketChat, comparison, ['product', 'peer'], rate),
      judgeRatio(lines.socketCpu, comparison, ['product', 'bosh'], cpu('service')),
    ],
    comparisons: [comparison],
  }
}

export async function measureWebSocketBeforeEjabberd(stage: Stage): Promise<PartResult> {
  const { sizes } = stage
  await using ejabberd = await startPlainEjabberd()
  await using service = await startService({ c2sPort: ejabberd.c2sPort })
  await using floor = await startFloor(ejabberd.c2sPort)
  const contender = withoutProsody.bind(undefined, stage)
  const pids = { ejabberd: ejabberd.pid }
  const over = 'websocket'
  const all = {
    product: contender('the service', { kind: 'product', port: service.port, over }, { service: service.pid, ...pids }),
    peer: contender("ejabberd's own endpoint", { kind: 'peer', port: ejabberd.httpPort, over }, pids),
    relay: contender(
      'the same to read and to write',
      { kind: 'peer', port: floor.port, over },
      { floor: floor.pid, ...pids },
    ),
  }
  await warmUp(all, chatLoad(sizes), sizes.chatWarmUpRounds)
  const title = `Messages to oneself over WebSocket, ${sizes.chatSessions} sessions, before ejabberd`
  const comparison = await compare(stage, title, all, chatLoad(sizes))
  return {
    verdicts: [judgeRatio(lines.socketEjabberd, comparison, ['product', 'peer'], rate, { alsoBeside: ['relay'] })],
    comparisons: [comparison],
  }
}
