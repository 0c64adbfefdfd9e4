// The whole service in the test's own process, from settings as an operator would write them.

import { startDemoServer } from '../../src/command/demo/server.js'
import { loadConfig } from '../../src/config/load.js'
import { Counts } from '../../src/lib/counts.js'
import type { Binding as WarmBinding } from '../../src/packages/client/warm-bindings.js'
import { type ServiceParts, startService } from '../../src/service/service.js'
import { createLogs } from '../../src/watching/logs.js'
import { ask, type HttpAnswer } from './http-answer.js'
import { unlimited } from './unlimited.js'

export interface TestServiceOptions extends Partial<Omit<ServiceParts, 'config' | 'log' | 'audit' | 'counts'>> {
  readonly servers?: string
  /** Accounts of a demo server that is started for `localhost`, and stopped with the service; in place of `servers`. */
  readonly demo?: Parameters<typeof startDemoServer>
  /** Further settings; they win over those of the test. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface WarmReply extends HttpAnswer {
  /** What `text` says where it is labelled as JSON. */
  readonly json: Readonly<Record<string, unknown>>
}

export type { WarmBinding }

export type TestService = Awaited<ReturnType<typeof startTestService>>

/** Throws with the reply if it has no binding. */
export function bindingIn({ status, text }: HttpAnswer): WarmBinding {
  if (status !== 200) throw new Error(`no binding but HTTP ${status}: ${text}`)
  return JSON.parse(text)
}

export const admin = { name: 'admin', secret: 'admin-secret' } as const
export const adminHeader = `Basic ${Buffer.from(`${admin.name}:${admin.secret}`).toString('base64')}`

/** Starts the service on a free port of 127.0.0.1 for users of `localhost`. */
export async function startTestService(options: TestServiceOptions = {}) {
  const { servers, demo: accounts, environment, ...parts } = options
  const demo = accounts && (await startDemoServer(...accounts))
  const { config } = loadConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_USERS: `${admin.name}:${admin.secret}`,
    XMPP_DOMAINS: 'localhost',
    XMPP_SERVERS: demo ? `localhost=xmpp://127.0.0.1:${demo.port}?tls=none` : servers,
    METRICS_ADDRESS: 'none',
    LOG_LEVEL: 'trace',
    // Tests count the connections of a server.
    XMPP_SPARE_LINKS: '0',
    HTTP_FAST: process.env['HTTP_FAST'],
    // A slow machine may need longer than usual for a login, but not if the test moves time by hand.
    ...(parts.clock === undefined && { WARM_TIMEOUT: '60' }),
    ...unlimited,
    ...environment,
  })
  const lines: string[] = []
  const counts = new Counts()
  const { log, audit } = createLogs({ config, counts, writeLine: line => void lines.push(line) })
  const service = await startService({ config, log, audit, counts, ...parts })

  async function warm(
    parameters: Readonly<Record<string, string | number>>,
    { headers = {} }: { readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<WarmReply> {
    const usual = { Authorization: adminHeader, 'Content-Type': 'application/json', Accept: 'application/json' }
    const options = { method: 'POST', headers: { ...usual, ...headers } }
    const reply = await ask(service.url + config.warmPath, options, JSON.stringify(parameters))
    const isJson = /^application\/(problem\+)?json\b/.test(reply.headers['content-type'] ?? '')
    return { ...reply, json: isJson ? JSON.parse(reply.text) : {} }
  }

  return {
    service,
    url: service.url,
    /** What was logged so far, one JSON text a line; at level `trace`. */
    lines: lines as readonly string[],
    /** Whether it has no session, no link and no forwarded request. */
    isIdle: () => Object.values(service.counts()).every(count => count === 0),
    warm,
    /** Warms a session in JSON. Rejects with the reply if it is no binding. */
    bind: async (parameters: Readonly<Record<string, string | number>>) => bindingIn(await warm(parameters)),
    async stop() {
      await service.stop()
      await demo?.stop()
    },
  }
}
