import type { ConnectionOptions } from 'node:tls'

type RedisPlace =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'server'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'sentinels'
      /** The name of the master in their configuration. */
      readonly name: string
      readonly sentinels: readonly { readonly host: string; readonly port: number }[]
    }

export interface RedisSettings {
  readonly place: RedisPlace
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database?: number | undefined
  /** For the servers and the sentinels. Undefined without TLS. */
  readonly tls?: ConnectionOptions | undefined
}

export interface RedisClient {
  /** Commands of one turn of the event loop are written together. Rejects at once without a connection. */
  send(command: readonly string[]): Promise<unknown>
  connect(): Promise<unknown>
  destroy(): unknown
  /** Connects again: another server can be at the address now. Sentinels tell this themselves. */
  renew?(): void
}

interface ClientEvents {
  /** A connection is ready, the first or another. */
  onReady(): void
  onError(error: unknown): void
}

const connectMilliseconds = 2_000
/** Without any byte, a connection is closed. The heartbeats need the connection each second. */
const silentMilliseconds = 5_000
const reconnectMilliseconds = 200

/** Loads `@redis/client`, which connects again whenever the connection is lost. */
export async function redisClient(settings: RedisSettings, { onReady, onError }: ClientEvents): Promise<RedisClient> {
  const { createClient, createSentinel } = await import('@redis/client')
  const { place, username, password, database, tls } = settings
  const timeouts = {
    connectTimeout: connectMilliseconds,
    socketTimeout: silentMilliseconds,
    reconnectStrategy: () => reconnectMilliseconds,
  }
  const common = {
    disableOfflineQueue: true,
    disableClientInfo: true,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
  }
  const encryption = tls === undefined ? {} : { ...tls, tls: true as const }
  if (place.kind === 'sentinels') {
    const sentinel = createSentinel({
      RESP: 2,
      name: place.name,
      sentinelRootNodes: [...place.sentinels],
      nodeClientOptions: { ...common, socket: { ...timeouts, ...encryption } },
      sentinelClientOptions: { socket: { connectTimeout: connectMilliseconds, ...encryption } },
      passthroughClientErrorEvents: true,
      scanInterval: 1_000,
    })
    sentinel.on('error', onError).on('ready', onReady).on('topology-change', onReady)
    return {
      send: command => sentinel.sendCommand(false, [...command]),
      connect: () => sentinel.connect(),
      destroy: () => sentinel.destroy(),
    }
  }
  const socket =
    place.kind === 'socket'
      ? { ...timeouts, path: place.path }
      : { ...timeouts, host: place.host, port: place.port, ...encryption }
  const made = () =>
    createClient({ ...common, RESP: 2, socket })
      .on('error', onError)
      .on('ready', onReady)
  let client = made()
  return {
    send: command => client.sendCommand(command),
    connect: () => client.connect(),
    destroy: () => client.destroy(),
    renew() {
      if (!client.isReady) return
      client.destroy()
      client = made()
      client.connect().catch(onError)
    },
  }
}
