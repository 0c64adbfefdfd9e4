import { hostname } from 'node:os'
import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { createLiveConfig } from '../config/live-config.js'
import { settingsInCommon } from '../config/serving.js'
import { type Clock, systemClock } from '../lib/clock.js'
import type { Counts } from '../lib/counts.js'
import { Descriptors } from '../lib/limits/descriptors.js'
import { MinuteSums } from '../lib/limits/minute-sums.js'
import { createRefusals } from '../lib/limits/reached-limits.js'
import { createPartLogs, type LogFor } from '../lib/log.js'
import { Phase } from '../lib/phase.js'
import { hashOf, secretKeys } from '../lib/secrets/secret-hashes.js'
import { newProcessName } from '../store/process-name.js'
import type { Store, StoreEvents } from '../store/store.js'
import type { AuditTrail } from '../watching/logs.js'
import { joinProcesses } from './joined-processes.js'

export interface BaseParts {
  readonly config: Config
  readonly counts: Counts
  readonly log: Logger
  readonly audit: Pick<AuditTrail, 'log'>
  readonly clock?: Clock
  /** In place of REDIS_URL. */
  readonly store?: Store | undefined
  readonly place?: string
  /** Of the Unix sockets of workers. */
  readonly socketsFolder?: string | undefined
}

export type Base = Awaited<ReturnType<typeof openBase>>

/** What the other parts of a process begin with. Joins the other processes, if there are several. */
export async function openBase({
  config,
  log: ownLog,
  audit,
  counts,
  store,
  clock = systemClock,
  place = hostname(),
  socketsFolder,
}: BaseParts) {
  const isOneOfMany = config.redis !== undefined || store !== undefined
  const name = isOneOfMany ? newProcessName() : undefined
  const log = name === undefined ? ownLog : ownLog.child({ node: name })
  const partLogs = createPartLogs(log, config.logLevels)
  const { logFor } = partLogs
  const auditFor: LogFor = part => audit.log.child(name === undefined ? { part } : { node: name, part })
  const live = createLiveConfig(config)
  const phase = new Phase()
  const sums = new MinuteSums(clock)
  const refused = createRefusals(counts, sums, log)
  const openStore = (events: StoreEvents) =>
    store === undefined ? openRedis(config, clock, events) : Promise.resolve(store)
  const joined =
    name === undefined
      ? undefined
      : await joinProcesses({
          openStore,
          keys: () => live.config.sealKeys ?? [],
          peers: config.peers,
          // During an upgrade, there are twice as many workers.
          ports: Math.max(1, 2 * config.workers),
          name,
          place,
          folder: socketsFolder,
          settings: () => settingsInCommon(live.config),
          phase,
          clock,
          sums,
          logFor,
        })
  return {
    counts,
    clock,
    log,
    partLogs,
    logFor,
    auditFor,
    live,
    place,
    phase,
    sums,
    refused,
    joined,
    descriptors: new Descriptors(),
    pseudonym: pseudonymOf(config),
  }
}

/** The same for all processes with a seal key. It is no secret. */
function pseudonymOf({ sealKeys }: Config): string {
  const keys = secretKeys(() => sealKeys)
  return Buffer.from(hashOf(keys, ['via']), 'base64').toString('hex')
}

async function openRedis({ redis }: Config, clock: Clock, events: StoreEvents): Promise<Store> {
  const { redisStore } = await import('../store/redis/redis-store.js')
  return redisStore(redis!, clock, events)
}
