// Pages with a token at several processes of one service.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { eventually } from './eventually.js'
import { type LoginServer, startLoginServer } from './login-server/server.js'
import { callUrl } from './login-server/watched-service.js'
import { pageSecret, pageToken } from './page-token.js'
import { callSessions } from './sessions-api.js'

const portal = 'https://portal.example'

export interface Processes {
  /** Where calls go, in turn. */
  readonly urls: readonly string[]
  stop(): Promise<void>
}

interface Page {
  readonly method?: 'POST' | 'DELETE'
  readonly tab?: string
  readonly claims?: object
  readonly secret?: string | undefined
  /** In place of a token of the portal. Null: without a token. */
  readonly guest?: string | null
}

export interface PagesStage {
  readonly server: LoginServer
  readonly processes: Processes
  readonly secrets: string
  connect(page?: Page): Promise<{ readonly status: number; readonly json: Record<string, unknown> }>
}

/** Tests of processes that know each other. Each call of `connect` reaches another one of them. */
export function testConnectOfProcesses(
  start: (environment: Record<string, string>) => Promise<Processes>,
  more: (stage: () => PagesStage) => void = () => {},
): void {
  let stage: PagesStage
  let folder: string

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'connect-of-processes-'))
    const secrets = join(folder, 'secrets')
    writeFileSync(secrets, pageSecret, { mode: 0o600 })
    const sealKeys = join(folder, 'seal.key')
    writeFileSync(sealKeys, Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 })
    const server = await startLoginServer({
      domain: 'plain.example',
      mechanisms: ['PLAIN'],
      accounts: { alice: 'Pa55-of-alice', bob: 'Pa55-of-bob', portal: 'Pa55-of-portal' },
      actors: ['portal'],
    })
    const processes = await start({
      XMPP_DOMAINS: 'plain.example',
      XMPP_SERVERS: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none&plain=on`,
      XMPP_SERVICE_ACCOUNTS: 'plain.example=portal:Pa55-of-portal',
      XMPP_SPARE_LINKS: '0',
      PAGE_ORIGINS: portal,
      PAGE_TOKEN_SECRET_FILE: secrets,
      PAGE_TOKEN_AUDIENCE: 'chat',
      PAGE_TOKEN_JID: '{sub}@plain.example',
      PAGE_GUESTS: 'plain.example',
      SEAL_KEY_FILE: sealKeys,
    })
    let calls = 0
    stage = {
      server,
      processes,
      secrets,
      async connect({
        method = 'POST',
        tab = 't1',
        claims = { visit: 'v1' },
        secret,
        guest = pageToken(claims, secret),
      } = {}) {
        const url = processes.urls[calls++ % processes.urls.length]!
        const { status, text } = await callUrl(`${url}/connect`, {
          method,
          headers: {
            Origin: portal,
            ...(guest !== null && { Authorization: `Bearer ${guest}` }),
            'Content-Type': 'application/json',
          },
          body: method === 'POST' ? JSON.stringify({ tab }) : '',
        })
        return { status, json: JSON.parse(text) }
      },
    }
  })

  afterEach(async () => {
    const { server, processes } = stage
    for (const user of ['alice', 'bob'])
      await callSessions(processes.urls[0]!, 'DELETE', `/sessions?jid=${user}@plain.example`)
    await processes.stop()
    expect(server.complaints).toEqual([])
    await server.stop()
    rmSync(folder, { recursive: true })
  })

  const idsOf = (answers: readonly { json: Record<string, unknown> }[]) => [
    ...new Set(answers.map(({ json }) => json['id'])),
  ]

  test('a tab gets its session from any process, and another user does not', async () => {
    const { server, connect } = stage
    const first = await connect()
    const later = [await connect(), await connect(), await connect()]
    expect(later.map(({ json }) => json['resumed'])).toEqual([true, true, true])
    expect(idsOf(later)).toEqual([first.json['id']])
    expect(server.connections).toHaveLength(1)
    for (const claims of [{ visit: 'v1', sub: 'bob' }, { visit: 'v2' }])
      expect(await connect({ claims })).toMatchObject({ status: 200, json: { resumed: false } })
    expect(server.connections).toHaveLength(3)
  })

  test('a guest comes back at any process', async () => {
    const { server, connect } = stage
    const first = (await connect({ guest: null })).json
    let guest = first['guest_token'] as string
    for (let call = 0; call < 3; call++) {
      const { json } = await connect({ guest })
      expect(json).toMatchObject({ id: first['id'], resumed: true })
      guest = json['guest_token'] as string
    }
    expect((await connect({ guest: null })).json['jid']).not.toBe(first['jid'])
    expect(server.connections).toHaveLength(2)
    const guests = [...new Set(server.connections.map(({ owner }) => owner))]
    for (const name of guests)
      await callSessions(stage.processes.urls[0]!, 'DELETE', `/sessions?jid=${name}@plain.example`)
  })

  test('simultaneous calls of a tab cause one login', async () => {
    const { server, connect } = stage
    const held: (() => void)[] = []
    server.script = { success: ({ goOn }) => new Promise<void>(resolve => held.push(() => resolve(goOn()))) }
    const calls = Array.from({ length: 4 }, () => connect())
    await eventually('a login is under way', () => held.length === 1)
    held[0]!()
    const answers = await Promise.all(calls)
    expect(answers.map(({ json }) => json['resumed']).sort()).toEqual([false, true, true, true])
    expect(idsOf(answers)).toHaveLength(1)
    expect(server.connections).toHaveLength(1)
  })

  test('a sign-out at one process ends sessions and logins at all processes', async () => {
    const { server, connect } = stage
    const tabs = await Promise.all(['t1', 't2', 't3', 't4'].map(tab => connect({ tab })))
    expect(idsOf(tabs)).toHaveLength(4)
    const bob = { visit: 'v1', sub: 'bob' }
    const { json } = await connect({ claims: bob })
    let waiting = 0
    server.script = {
      success() {
        waiting += 1
      },
    }
    const late = [connect({ tab: 't5' }), connect({ tab: 't6' })]
    await eventually('the logins are under way', () => waiting === 2)
    const told = await connect({ method: 'DELETE' })
    expect(told.status).toBe(200)
    expect(told.json['ended']).toBeGreaterThanOrEqual(4)
    for (const { status, json } of await Promise.all(late))
      expect([status, json['code']]).toEqual([404, 'session-not-found'])
    server.script = {}
    expect(await connect({ claims: bob })).toMatchObject({ json: { id: json['id'], resumed: true } })
    expect((await connect()).json['resumed']).toBe(false)
  })

  more(() => stage)
}
