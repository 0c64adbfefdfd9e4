import cluster from 'node:cluster'
import { rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { loadConfig } from '../../config/load.js'
import { Counts } from '../../lib/counts.js'
import { logOf } from '../../lib/log.js'
import { socketCarrier } from '../../processes/carriers/socket-carrier.js'
import { type Service, startService } from '../../service.js'
import { createLogs } from '../../watching/logs.js'
import { CommandError } from '../command-error.js'
import { outliveFaults } from '../faults.js'
import { end, explained } from '../until-signal.js'
import { folderVariable, type Notice, numberVariable, type Order } from './worker-messages.js'
import { beatMilliseconds } from './worker-watch.js'

/** Runs a worker: the service in a process that a primary has started, and that does what this one says. */
export async function work(): Promise<void> {
  const folder = process.env[folderVariable]!
  const starting = start(folder)
  let started: Service | undefined
  process.on('message', (order: Order) => {
    starting.then(service => obey(service, order), ignore)
  })
  // A terminal sends its signals to all processes, and so do programs that stop all at once: the primary says what to do.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2']) process.on(signal, ignore)
  process.on('SIGTERM', () => starting.then(service => end(service, true), ignore))
  cluster.worker!.on('disconnect', () => {
    // Or Node ends this process at once.
    cluster.worker!.exitedAfterDisconnect = true
    // There is no primary any more: what is asked of it comes from nowhere.
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
    // What has not started by now waits for ports that only a primary has.
    if (started === undefined) process.exit(1)
    end(started, false)
  })
  try {
    started = await starting
    tell({ notice: 'ready', urls: started.urls })
    beat(started)
  } catch (error) {
    const isForeseen = error instanceof CommandError
    if (!isForeseen) process.stderr.write(`${(error as Error).stack}\n`)
    const sentence = isForeseen ? error.message : 'A worker failed at something that was not foreseen.'
    tell({ notice: 'failed', sentence }, () => process.exit(1))
  }
}

async function start(folder: string): Promise<Service> {
  // With the settings that the primary was started with, those of `.env` among them.
  const settings = (async () => loadConfig(process.env))()
  const { config } = await explained(settings)
  const worker = Number(process.env[numberVariable])
  const counts = new Counts()
  const logs = (async () => createLogs({ config, counts, about: { worker } }))()
  const { log, audit } = await explained(logs)
  outliveFaults(log, () => {
    counts.faults += 1
  })
  const metrics = { ...config.metrics, address: undefined }
  const carriers = [socketCarrier({ folder, log: logOf(log, 'nodes', config.logLevels) })]
  return explained(
    startService({
      config: { ...config, metrics },
      log,
      audit,
      counts,
      carriers,
      place: `${hostname()}, worker ${worker}`,
    }),
  )
}

function obey(service: Service, order: Order): void {
  if (order.order === 'reload') service.reload()
  else if (order.order === 'retire') service.retire()
  else if (order.order === 'metrics')
    service.metrics().then(text => tell({ notice: 'metrics', question: order.question, text }))
  else end(service, order.order === 'drain')
}

/** Tells the primary every second that this process is alive; only once while the primary reads nothing. */
function beat(service: Service): void {
  const isReady = service.isReady()
  tell({ notice: 'alive', isReady }, () => setTimeout(() => beat(service), beatMilliseconds).unref())
}

/** A primary that is gone hears nothing, and its workers notice that by themselves. */
function tell(notice: Notice, then: () => void = ignore): void {
  if (process.connected) process.send!(notice, then)
  else then()
}

function ignore(): void {}
