// A process of the built service, as an operator would run it.
import { ask } from '../http-answer.js'
import { main } from '../operated-service.js'
import { answersAt, descriptorsOf, type ServerProcess, startServerProcess } from '../server-process.js'
import { admin } from '../start-service.js'

export interface FlockOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly folder: string
}

/** A process that sessions live in. */
export interface Member {
  /** Its name, with which the sids of its sessions begin. */
  readonly node: string
  readonly pid: number
  isLeaving: boolean
  isGone: boolean
  readonly descriptors: number
}

export function memberOf(node: string, pid: number): Member {
  return { node, pid, isLeaving: false, isGone: false, descriptors: descriptorsOf(pid) }
}

/** Settings that a run can override. */
const settings = {
  ADMIN_USERS: `${admin.name}:${admin.secret}`,
  METRICS_ADDRESS: 'none',
  ...{ RATE_WARMS_PER_JID: '0', MAX_SESSIONS_PER_JID: '0', MAX_CONNECTIONS_PER_ADDRESS: '0' },
  // Sessions of absent pages end soon, so that a run does not wait long for their end.
  ...{ BOSH_INACTIVITY: '30', WEBSOCKET_RESUME: '30', WARM_ATTACH_TIMEOUT: '30' },
}

export const run = ({ environment, folder }: FlockOptions, name: string): Promise<ServerProcess> =>
  startServerProcess({
    ...{ name, folder, patience: { start: 40_000, end: 30_000 } },
    command: [process.execPath, '--min-semi-space-size=16', main],
    environment: { PATH: process.env['PATH'], ...settings, ...environment },
    isReady: answersAt(`http://127.0.0.1:${environment['PORT']}/readyz`),
  })

/** Stops a process in good order, even if it is suspended. */
export function ended(running: ServerProcess): Promise<unknown> {
  running.signal('SIGCONT')
  return running.end('SIGINT')
}

export async function metricsAt(port: number): Promise<string> {
  return (await ask(`http://127.0.0.1:${port}/metrics`, { agent: false })).text
}
