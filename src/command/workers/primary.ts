import cluster, { type Worker as ClusterWorker } from 'node:cluster'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { socketPath } from '../../config/kinds/listen-addresses.js'
import type { Reloaded } from '../../config/reload.js'
import { ownSettings } from '../../config/settings.js'
import { removeStaleSocket } from '../../http/listening/unix-sockets.js'
import { systemClock } from '../../lib/clock.js'
import type { LastReload } from '../../watching/last-reload.js'
import { serveMetrics } from '../../watching/metrics-server.js'
import type { ActivatedSockets } from '../systemd/activated-sockets.js'
import { keepOfferedConnections } from './offered-connections.js'
import { folderVariable, type Notice, numberVariable, type Question, socketsVariable } from './worker-messages.js'
import { workerMetrics } from './worker-metrics.js'
import { type SlotsParts, WorkerSlots } from './worker-slots.js'

interface PrimaryParts {
  readonly config: Config
  readonly log: Logger
  readonly sockets: ActivatedSockets
  readonly lastReload: LastReload
}

/** In Node 22.14 and later, this option prevents a debugger on SIGUSR1, even while a worker starts. */
const withoutDebugger = '--disable-sigusr1'

/** Longer than any garbage collection. */
const hungSeconds = 10

/** After this time, a reload counts as done. */
const reloadMilliseconds = 5_000

export async function startPrimary({ config, log, sockets, lastReload }: PrimaryParts) {
  const { workers: count, drainTime: drainSeconds } = config
  // The folder is private, so only workers can connect to the sockets in it.
  const folder = mkdtempSync(join(tmpdir(), 'warm-bindings-'))
  const fork: SlotsParts['fork'] = (number, events) => {
    const worker = cluster.fork({
      [numberVariable]: number,
      [folderVariable]: folder,
      [socketsVariable]: JSON.stringify([...sockets]),
    })
    let silentSeconds = 0
    let watch: NodeJS.Timeout | undefined
    const offers = keepOfferedConnections(worker, {
      socketMode: config.listen.socketMode,
      isAnotherListening: () =>
        slots.workers.some(other => other.state === 'running' && other.process.pid !== worker.process.pid),
    })
    const about = processOf(worker)
    worker.on('message', (notice: Notice) => {
      silentSeconds = 0
      if (notice.notice === 'alive') about.isReady = notice.isReady
      else if (notice.notice === 'ready') {
        // A pause of this process counts as one second, because messages of workers may be unread.
        watch = setInterval(() => ++silentSeconds === hungSeconds && events.onHang(), 1_000)
        events.onReady(notice.urls)
      } else if (notice.notice === 'failed') events.onFailed(notice.sentence)
      else if (notice.notice === 'leave') offers.leave(() => about.tell({ order: 'left' }))
      else about.answered(notice.number, notice.answer)
    })
    worker.on('exit', (code, signal) => {
      clearInterval(watch)
      about.ended()
      events.onExit(code, signal)
    })
    // A failed fork emits no exit.
    worker.on('error', () => {
      if (worker.process.pid === undefined) events.onExit(null, null)
    })
    return about
  }
  const { execArgv, allowedNodeEnvironmentFlags } = process
  const isKnown = allowedNodeEnvironmentFlags.has(withoutDebugger)
  // Workers do not get the command's arguments: they would end if the file of `--env-file` was missing later.
  cluster.setupPrimary({ args: [], execArgv: isKnown ? [...execArgv, withoutDebugger] : execArgv })
  // This timer keeps the process alive while there is no worker.
  setInterval(() => {}, 2 ** 30)
  const onNoneLeft = () => {
    if (sockets.size === 0) return
    // Node has closed the activated sockets, which only systemd can pass again.
    log.error('no worker is left: systemd must start the service again')
    process.exit(1)
  }
  const slots = new WorkerSlots({ count, drainSeconds, clock: systemClock, log, fork, onNoneLeft })
  process.on('exit', () => {
    slots.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  const fault = () =>
    slots.workers.some(({ state, process }) => state === 'running' && process.isReady)
      ? undefined
      : 'no worker takes sessions'
  const address = config.metricsAddress
  const metricsServer = address && (await serveMetrics(address, workerMetrics(slots, lastReload), fault, log))
  for (const { host } of [...config.listen.places, ...(config.https?.places ?? [])]) {
    const path = socketPath(host)
    if (path !== undefined && !sockets.has(host)) await removeStaleSocket(path)
  }
  const urls = await slots.start()
  return {
    url: urls[0]!,
    urls,
    metricsUrl: metricsServer?.url,
    get running() {
      return slots.workers.filter(({ state }) => state === 'running').length
    },
    reopen: () => slots.tellAll({ order: 'reopen' }),
    async reload(_next: Config, { environment }: Reloaded): Promise<boolean> {
      const question = { order: 'reload', environment: ownSettings(environment) } as const
      const answers = await Promise.all(slots.workers.map(({ process }) => process.ask(question, reloadMilliseconds)))
      return !answers.includes(false)
    },
    replaceWorkers: () => void slots.replaceAll(),
    drain: () => slots.end('drain'),
    stop: () => slots.end('stop'),
  }
}

function processOf(worker: ClusterWorker) {
  const waiting = new Map<number, (answer: unknown) => void>()
  let questions = 0
  const tell = (order: object) => {
    if (worker.isConnected()) worker.send(order as never, () => {})
  }
  const answered = (number: number, answer: unknown) => waiting.get(number)?.(answer)
  return {
    pid: worker.process.pid,
    isReady: true,
    tell,
    ask: (question: Question, milliseconds: number) =>
      new Promise<unknown>(resolve => {
        const number = questions++
        const timer = setTimeout(() => answered(number, undefined), milliseconds)
        waiting.set(number, answer => {
          clearTimeout(timer)
          waiting.delete(number)
          resolve(answer)
        })
        tell({ ...question, number })
      }),
    answered,
    ended() {
      for (const answer of waiting.values()) answer(undefined)
    },
    kill: () => void worker.process.kill('SIGKILL'),
  }
}
