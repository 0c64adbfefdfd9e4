import type { ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../lib/clock.js'
import { race } from '../servers/c2s/dial.js'
import { nothing } from '../servers/c2s/socket-events.js'
import type { LocalPorts, Source } from '../servers/net/local-ports.js'
import type { Addresses } from '../servers/net/name-lookup.js'
import type { Failure } from '../xmpp/link.js'
import { connectionFault, RemoteFault } from './remote-fault.js'

interface ConnectionsParts {
  readonly ports: LocalPorts
  readonly clock: Clock
  readonly find: (host: string) => Promise<Addresses | Failure>
  /** In seconds. */
  readonly connectTimeout: number
}

type Options = ClientRequestArgs & { readonly host: string; readonly port: number }
type Callback = (error: Error | null, socket?: Duplex) => void

export function useLocalPorts(agent: HttpAgent, { ports, clock, find, connectTimeout }: ConnectionsParts): void {
  const encrypt = agent instanceof HttpsAgent ? createConnectionOf(agent) : undefined
  const dial = (host: string, port: number, before?: Socket) => ports.connect(host, port, before, connectHttp)

  function open(options: Options, addresses: Addresses, callback: Callback): void {
    const until = clock.now() + connectTimeout * 1000
    race(addresses, Number(options.port), { clock, connect: dial, ports }, until, end => {
      if ('code' in end) return callback(connectionFault(end))
      const taken = ports.take(end)
      if (taken !== undefined) end.once('close', () => ports.giveBack(taken))
      callback(null, encrypt === undefined ? end : encrypt({ ...options, socket: end }))
    })
  }

  const createConnection = (options: Options, callback: Callback) => {
    const { host } = options
    if (isIP(host) !== 0) open(options, [host], callback)
    else
      void find(host).then(found => {
        if ('code' in found) callback(new RemoteFault(found))
        else open(options, found, callback)
      })
  }
  Object.assign(agent, { createConnection })
}

/** With the option `socket`, Node's `createConnection` starts TLS over that socket. */
function createConnectionOf(agent: HttpsAgent): (options: object) => Duplex {
  const { createConnection } = agent as unknown as { createConnection(options: object): Duplex }
  return options => createConnection.call(agent, options)
}

function connectHttp(host: string, port: number, source: Source): Socket {
  return connect({ host, port, ...source, keepAlive: true, noDelay: true }).on('error', nothing)
}
