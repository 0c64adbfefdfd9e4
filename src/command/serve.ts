import cluster from 'node:cluster'
import { Counts } from '../lib/counts.js'
import { version } from '../lib/package-json.js'
import { LastReload } from '../watching/last-reload.js'
import { createLogs } from '../watching/logs.js'
import { startDemo } from './demo/demo.js'
import { outliveFaults } from './faults.js'
import type { ObeySignals } from './held-signals.js'
import { reloading } from './reloading.js'
import { readSettings } from './settings-at-hand.js'
import { ignoredSettings, takeActivatedSockets } from './systemd/activated-sockets.js'
import { serviceManager } from './systemd/service-manager.js'
import { endOnSignal, explained, holdStops } from './until-signal.js'
import { startVariable } from './workers/worker-messages.js'

export async function serve(obey: ObeySignals<'SIGHUP' | 'SIGUSR2'>, envFile: string | undefined): Promise<void> {
  // If a process manager starts this service as a cluster worker, this variable is missing.
  if (cluster.isWorker && process.env[startVariable] !== undefined) return (await import('./workers/worker.js')).work()
  const own = { ...process.env }
  const sockets = takeActivatedSockets(process.env)
  const settings = readSettings(envFile)
  const { config, warnings } = settings
  const counts = new Counts()
  const isPrimary = config.workers > 0
  const { logLevels, logFormat } = config
  const auditLog = isPrimary ? 'off' : config.auditLog
  const { log, audit } = await explained(() => createLogs({ config: { logLevels, logFormat, auditLog }, counts }))
  outliveFaults(log, counts)
  for (const warning of warnings) log.warn(warning)
  const ignored = ignoredSettings({ ...settings.inFile, ...own }, process.env)
  if (ignored.length > 0) log.warn({ ignored, sockets: [...sockets.keys()] }, socketsReplace)
  const systemd = serviceManager(process.env, log)
  const lastReload = new LastReload()
  const about = {
    ...(isPrimary && { workers: config.workers }),
    warm: config.warm.enabled ? config.warmPath : undefined,
    adminPages: config.warm.hasPages && !config.warm.enabled ? `${config.warmPath}/sessions` : undefined,
    bosh: config.bosh.enabled ? config.boshPath : undefined,
    websocket: config.websocket.enabled ? config.websocketPath : undefined,
    connect: config.pages.origins.length > 0 ? config.pagePath : undefined,
  }
  const start = async () => {
    if (isPrimary) {
      const { startPrimary } = await import('./workers/primary.js')
      const primary = await startPrimary(config, log, sockets, lastReload)
      const status = () => `${primary.running} of ${config.workers} workers run`
      return { running: primary, status, replaceWorkers: primary.replaceWorkers }
    }
    const { startService } = await import('../service/service.js')
    const service = await startService({ config, log, audit, counts, lastReload, sockets, onTakingUp: holdStops })
    const status = () => `${service.counts().sessions} sessions`
    const replaceWorkers = () => log.warn('SIGUSR2 replaces workers, and there are none: see WORKERS')
    return { running: service, status, replaceWorkers }
  }
  const { running, status, replaceWorkers } = await explained(start)
  endOnSignal(running, () => systemd.stopping(config.drainTime))
  systemd.ready(status)
  const reload = reloading(settings, running, log, lastReload)
  obey({ SIGHUP: () => systemd.reload(reload), SIGUSR2: replaceWorkers })
  const { url, urls, metricsUrl } = running
  log.info({ version, url, urls, metricsUrl, ...about }, 'listening')
}

const socketsReplace =
  'systemd listens for this service: settings of addresses are ignored. Write ListenStream= in the socket unit'

export async function serveDemo(): Promise<void> {
  endOnSignal(await explained(() => startDemo(process.env)))
}
