// The whole service in this process in front of login servers, with its timers and sockets under observation.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Timer } from '../../../src/lib/clock.js'
import { eventually } from '../eventually.js'
import { ask, type HttpAnswer } from '../http-answer.js'
import { adminHeader, startTestService } from '../start-service.js'
import { SteppedClock } from '../stepped-clock.js'
import type { LoginServer } from './server.js'

/** How often the service looks for sessions that are due, in milliseconds; once more after the last has gone. */
const sweepInterval = 250

/** Counts the callbacks that are still to come for a session or a link. */
class CountingClock extends SteppedClock {
  override after(ms: number, callback: () => void): Timer {
    return ms === sweepInterval ? systemClock.after(ms, callback) : super.after(ms, callback)
  }
}

export interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Aborting it hangs up. */
  readonly signal?: AbortSignal | undefined
}

export type WatchedService = Awaited<ReturnType<typeof startWatchedService>>

/** Starts the service on a free port, in front of these servers, logging everything. */
export async function startWatchedService(servers: readonly LoginServer[], environment: Record<string, string> = {}) {
  const clock = new CountingClock()
  const folder = mkdtempSync(join(tmpdir(), 'watched-service-'))
  const { service, url, lines, stop } = await startTestService({
    servers: servers.map(server => serverSetting(server, folder)).join(),
    environment: {
      XMPP_DOMAINS: servers.map(({ domain }) => domain).join(),
      // A slow machine may need longer than usual for a login.
      WARM_TIMEOUT: '60',
      ...environment,
    },
    clock,
  }).finally(() => rmSync(folder, { recursive: true, force: true }))
  const call = (path: string, about?: Call) => callUrl(url + path, about)
  // Refused calls are counted by a timer for a minute.
  await call('/warm', { method: 'POST' })
  const before = resources()
  // Those of the service itself, which has no session yet.
  const standing = clock.pending
  // For each server that is down, a timer for its next probe, and a timer for the next line of the log.
  const ofServersThatAreDown = 2 * (environment['XMPP_DOMAINS']?.split(',') ?? servers).length
  const warm = (parameters: object, signal?: AbortSignal) =>
    call('/warm', { method: 'POST', headers: jsonHeaders, body: JSON.stringify(parameters), signal })
  return {
    ...{ service, url, lines, stop },
    call,
    warm,
    /** A warm call that is to fail. */
    async problem(parameters: object): Promise<{ status: number; code: string; step?: string; condition?: string }> {
      const { status, text } = await warm(parameters)
      if (status === 200) throw new Error('the login succeeded')
      const { code, step, condition } = JSON.parse(text)
      return { status, code, ...(step && { step }), ...(condition && { condition }) }
    },
    /** Resolves once no session, link, timer or socket of a login is left, here and at the servers. */
    async emptied() {
      const state = () => ({
        ...service.counts(),
        timers: Math.max(0, clock.pending - standing - ofServersThatAreDown),
        connections: servers.reduce((sum, { open }) => sum + open, 0),
        resources: Math.max(0, resources() - before),
      })
      try {
        await eventually('nothing is left', () => Object.values(state()).every(count => count === 0))
      } catch {
        throw new Error(`there is left: ${JSON.stringify(state())}`)
      }
    },
  }
}

/** A server's entry in XMPP_SERVERS; the certificate to trust is written to a file in the folder. */
export function serverSetting({ domain, port, ca }: LoginServer, folder: string): string {
  const address = `${domain}=xmpp://127.0.0.1:${port}`
  if (ca === undefined) return `${address}?tls=none`
  const file = join(folder, `${domain}.pem`)
  writeFileSync(file, ca)
  return `${address}?ca=${encodeURIComponent(file)}`
}

export const jsonHeaders = {
  Accept: 'application/json',
  'Content-Type': 'application/json',
  Authorization: adminHeader,
} as const

/** Calls a URL on a connection of its own. */
export function callUrl(url: string, { method = 'GET', headers, body, signal }: Call = {}): Promise<HttpAnswer> {
  return ask(url, { method, headers: { ...headers }, ...(signal && { signal }) }, body)
}

/** Sockets and timers that keep this process alive. */
function resources(): number {
  return process.getActiveResourcesInfo().filter(name => /^(TCPSocketWrap|TLSWrap|Timeout)$/.test(name)).length
}
