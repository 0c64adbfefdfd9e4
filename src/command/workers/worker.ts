import cluster from 'node:cluster'
import { rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { type Loaded, loadConfig } from '../../config/load.js'
import { reloadConfig } from '../../config/reload.js'
import type { Environment } from '../../config/settings.js'
import { Counts } from '../../lib/counts.js'
import { type Service, startService } from '../../service/service.js'
import { createLogs } from '../../watching/logs.js'
import { CommandError } from '../command-error.js'
import { outliveFaults } from '../faults.js'
import { unlessInvalid } from '../reloading.js'
import { end, explained } from '../until-signal.js'
import { type Notice, type Order, startVariable, type WorkerStart } from './worker-messages.js'

export async function work(): Promise<void> {
  const given: WorkerStart = JSON.parse(process.env[startVariable]!)
  const { folder } = given
  let mayHaveSessions = false
  const starting = start(given)
  process.on('message', (order: Order) => {
    starting.then(started => obey(started, order), ignore)
  })
  // Terminals and process managers also send these signals to workers, but only the primary reacts.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2']) process.on(signal, ignore)
  process.on('SIGTERM', () => starting.then(({ service }) => end(service, true), ignore))
  cluster.worker!.on('disconnect', () => {
    // Without this assignment, Node would end the process at once.
    cluster.worker!.exitedAfterDisconnect = true
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
    // Without a primary, this worker cannot open ports.
    if (!mayHaveSessions) process.exit(1)
    starting.then(({ service, log }) => {
      log.error('the primary process has died, so this worker ends too')
      return end(service, false)
    }, ignore)
  })
  try {
    const { service } = await starting
    mayHaveSessions = true
    tell({ notice: 'ready', urls: service.urls })
    beat(service)
  } catch (error) {
    const isForeseen = error instanceof CommandError
    if (!isForeseen) process.stderr.write(`${(error as Error).stack}\n`)
    const sentence = isForeseen ? error.message : 'A worker failed with an unexpected error.'
    tell({ notice: 'failed', sentence }, () => process.exit(1))
  }
}

type Started = Awaited<ReturnType<typeof start>>

async function start({ worker, folder, sockets }: WorkerStart) {
  // The primary's environment contains the values of `.env`.
  let running: Loaded = await explained(() => loadConfig(process.env))
  const { config } = running
  const counts = new Counts()
  const { log, audit } = await explained(() => createLogs({ config, counts, about: { worker } }))
  outliveFaults(log, counts)
  const service = await explained(() =>
    startService({
      config,
      log,
      audit,
      counts,
      socketsFolder: folder,
      servesMetrics: false,
      place: `${hostname()}, worker ${worker}`,
      sockets: new Map(sockets),
    }),
  )
  const reload = (environment: Environment, onEnd: (isDone: boolean) => void) => {
    // Settings can be invalid here: a file may have changed since the primary read it.
    const work = async () => {
      const reloaded = reloadConfig(running, environment)
      running = reloaded
      log.level = reloaded.config.logLevels.usual
      log.debug({ changed: reloaded.changed }, 'the settings were read again')
      return service.reload(reloaded.config, reloaded)
    }
    return unlessInvalid(service, log, work, onEnd)
  }
  return { service, log, reload }
}

function obey({ service, reload }: Started, order: Order): void {
  const answer = (answer: unknown) => 'number' in order && tell({ notice: 'answer', number: order.number, answer })
  if (order.order === 'reload') void reload(order.environment, answer)
  else if (order.order === 'reopen') service.reopen()
  else if (order.order === 'metrics') service.metrics().then(answer)
  else {
    if (order.order === 'retire') service.retire()
    void end(service, order.order !== 'stop')
  }
}

const beatMilliseconds = 1_000

/** Sends `alive` each second, or more slowly if the primary does not read. */
function beat(service: Service): void {
  tell({ notice: 'alive', isReady: service.isReady() }, () => setTimeout(() => beat(service), beatMilliseconds).unref())
}

function tell(notice: Notice, then: () => void = ignore): void {
  if (process.connected) process.send!(notice, then)
  else then()
}

function ignore(): void {}
