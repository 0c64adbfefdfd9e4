// What looks after the workers: it starts them, speaks for them, and carries nothing for them but new connections.
import cluster, { type Worker as ClusterWorker } from 'node:cluster'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { systemClock } from '../../lib/clock.js'
import { serveMetrics } from '../../watching/metrics-server.js'
import { keepOfferedConnections } from './offered-connections.js'
import { folderVariable, type Notice, numberVariable } from './worker-messages.js'
import { WorkerMetrics } from './worker-metrics.js'
import { type SlotsParts, WorkerSlots } from './worker-slots.js'
import { type Watched, WorkerWatch } from './worker-watch.js'

export interface PrimaryParts {
  readonly config: Config
  readonly log: Logger
}

/** A primary whose workers all listen. */
export type Primary = Awaited<ReturnType<typeof startPrimary>>

/** An option of Node from version 22.14 on. */
const withoutDebugger = '--disable-sigusr1'

/** Starts the workers, and serves their metrics. Rejects, with none left, where one does not start. */
export async function startPrimary({ config, log }: PrimaryParts) {
  const { workers: count, drainTime: drainSeconds } = config
  // Only this user may enter it: what comes from there is another worker.
  const folder = mkdtempSync(join(tmpdir(), 'warm-bindings-'))
  const metrics = new WorkerMetrics()
  const watch = new WorkerWatch(systemClock)
  const fork: SlotsParts['fork'] = (number, events) => {
    const worker = cluster.fork({ [numberVariable]: number, [folderVariable]: folder })
    let watched: Watched | undefined
    keepOfferedConnections(worker, () =>
      slots.workers.some(other => other.state === 'running' && other.process.pid !== worker.process.pid),
    )
    const about = processOf(worker)
    worker.on('message', (notice: Notice) => {
      watched?.heard()
      if (notice.notice === 'alive') about.isReady = notice.isReady
      else if (notice.notice === 'ready') {
        watched = watch.watch(events.onHang)
        events.onReady(notice.urls)
      } else if (notice.notice === 'failed') events.onFailed(notice.sentence)
      else metrics.answered(notice.question, notice.text)
    })
    worker.on('exit', (code, signal) => {
      watched?.end()
      events.onExit(code, signal)
    })
    // A fork that fails has no process, and no exit.
    worker.on('error', () => {
      if (worker.process.pid === undefined) events.onExit(null, null)
    })
    return about
  }
  // Before a worker's own code runs, only this option keeps Node from opening its debugger on SIGUSR1.
  const { execArgv, allowedNodeEnvironmentFlags } = process
  const isKnown = allowedNodeEnvironmentFlags.has(withoutDebugger)
  if (isKnown) cluster.setupPrimary({ execArgv: [...execArgv, withoutDebugger] })
  // While there is no worker for a moment, nothing else keeps this process from its end.
  setInterval(() => {}, 2 ** 30)
  const slots = new WorkerSlots({ count, drainSeconds, clock: systemClock, log, fork })
  process.on('exit', () => {
    slots.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  const isReady = () => slots.workers.some(({ state, process }) => state === 'running' && process.isReady)
  const { address } = config.metrics
  const metricsServer = address && (await serveMetrics(address, () => metrics.text(slots), isReady, log))
  const urls = await slots.start()
  return {
    url: urls[0]!,
    urls,
    metricsUrl: metricsServer?.url,
    /** Has all workers read their certificates again. */
    reload: () => slots.tellAll({ order: 'reload' }),
    /** Puts new workers, of the program as it is on disk by now, in the places of all. */
    replaceWorkers: () => void slots.replaceAll(),
    /** Resolves once all workers have drained, and ended. */
    drain: () => slots.end('drain'),
    /** Resolves once all workers have ended, in good order. */
    stop: () => slots.end('stop'),
  }
}

function processOf(worker: ClusterWorker) {
  return {
    pid: worker.process.pid,
    isReady: true,
    tell(order: object) {
      // One that is gone, or about to go, hears nothing; its exit tells.
      if (worker.isConnected()) worker.send(order as never, () => {})
    },
    kill: () => void worker.process.kill('SIGKILL'),
  }
}
