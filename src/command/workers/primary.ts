import cluster from 'node:cluster'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { socketPath } from '../../config/kinds/listen-addresses.js'
import type { Reloaded } from '../../config/reload.js'
import { type Environment, settings } from '../../config/settings.js'
import { withFileMode } from '../../http/listening/listen-at.js'
import { removeStaleSocket } from '../../http/listening/unix-sockets.js'
import { systemClock } from '../../lib/clock.js'
import type { LastReload } from '../../watching/last-reload.js'
import { serveMetrics } from '../../watching/metrics-server.js'
import type { ActivatedSockets } from '../systemd/activated-sockets.js'
import { startVariable, type WorkerStart } from './worker-messages.js'
import { workerMetrics } from './worker-metrics.js'
import { forkWorker } from './worker-process.js'
import { type SlotsParts, WorkerSlots } from './worker-slots.js'

/** In Node 22.14 and later, this option prevents a debugger on SIGUSR1, even while a worker starts. */
const withoutDebugger = '--disable-sigusr1'

/** A worker that does not say in this time that it has reloaded counts as failed. */
const reloadMilliseconds = 5_000

export async function startPrimary(config: Config, log: Logger, sockets: ActivatedSockets, lastReload: LastReload) {
  const { workers: count, drainTime: drainSeconds } = config
  // The folder is private, so only workers can connect to the sockets in it.
  const folder = mkdtempSync(join(tmpdir(), 'warm-bindings-'))
  // Node opens the workers' Unix sockets in this process.
  const umask = process.umask(0o777 & ~config.listen.socketMode)
  const fork: SlotsParts['fork'] = (worker, events) => {
    const start: WorkerStart = { worker, folder, sockets: [...sockets] }
    return withFileMode(0o777 & ~umask, () => forkWorker({ [startVariable]: JSON.stringify(start) }, events))
  }
  const isKnown = process.allowedNodeEnvironmentFlags.has(withoutDebugger)
  // Workers accept from shared sockets. If the primary accepted for them, a connection that is on its way to a worker that
  // dies or retires would be lost.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  // Workers do not get the command's arguments: they would end if the file of `--env-file` was missing later.
  cluster.setupPrimary({ args: [], execArgv: [...process.execArgv, ...(isKnown ? [withoutDebugger] : [])] })
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

  const running = () => slots.workers.filter(({ state }) => state === 'running')
  const fault = () => (running().some(({ process }) => process.isReady) ? undefined : 'no worker takes sessions')
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
      return running().length
    },
    reopen() {
      for (const { process } of slots.workers) process.tell({ order: 'reopen' })
    },
    async reload(_next: Config, { environment }: Reloaded): Promise<boolean> {
      const question = { order: 'reload', environment: ownSettings(environment) } as const
      const reloads = slots.workers.map(async worker => {
        const { number, state, process } = worker
        const isTaken = await process.ask(question, reloadMilliseconds)
        // A worker that starts reloads when it is ready. One that has died is replaced.
        if (isTaken !== undefined || state !== 'running' || !running().includes(worker)) return isTaken !== false
        log.error({ worker: number }, 'a worker does not say that it has reloaded')
        return false
      })
      return !(await Promise.all(reloads)).includes(false)
    },
    replaceWorkers: () => void slots.replaceAll(),
    drain: () => slots.end('drain'),
    stop: () => slots.end('stop'),
  }
}

function ownSettings(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => Object.hasOwn(settings, name)))
}
