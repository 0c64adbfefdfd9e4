// Pages of a portal that stores no password, at Debian's Prosody and ejabberd: each way to log in with a token.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { startEjabberd } from '../support/ejabberd.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { startIntrospectionEndpoint } from '../support/oauth-endpoints.js'
import { pageSecret, pageToken } from '../support/page-token.js'
import { startProsody } from '../support/prosody.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import type { XmppServer } from './servers.js'
import { User } from './user.js'
import { connectionsOf } from './wire.js'

const folder = mkdtempSync(join(tmpdir(), 'page-logins-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}

const jid = 'alice@localhost'
const users = { alice: 'wonderland', portal: 'secret-of-portal' }
const encrypted = 'c2s_require_encryption = true'
const serviceModule = `${encrypted}
plugin_paths = { "${join(root, 'deploy/prosody')}" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "smacks", "service_account" }
service_accounts = { "portal@localhost" }`

const usualToken = pageToken({ visit: 'v1', jid })

const byService = {
  environment: { XMPP_SERVICE_ACCOUNTS: `localhost=portal:${users.portal}` },
  signedFor: async () => usualToken,
}

const byCredential = {
  environment: {
    PAGE_TOKEN_LOGIN: 'credential',
    PAGE_ADMIN: 'admin',
    SEAL_KEY_FILE: file('seal.key', randomBytes(32).toString('base64')),
  },
  // As a portal does when its user enters the password, for the last time.
  async signedFor({ url, warm }: TestService) {
    const { json } = await warm({ jid, password: users.alice, remember: 'on' })
    await callSessions(url, 'DELETE', `/${json['id']}`)
    return pageToken({ visit: 'v1', credential: json['credential'] })
  },
}

interface Way {
  readonly name: string
  readonly packages: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly signedFor: (service: TestService) => Promise<string>
  readonly start: () => Promise<XmppServer>
}

const ways: readonly Way[] = [
  {
    name: 'a service account at Prosody',
    packages: ['prosody', 'openssl'],
    ...byService,
    start: () => startProsody({ users, config: serviceModule }),
  },
  {
    name: 'a credential in the token at Prosody',
    packages: ['prosody', 'openssl'],
    ...byCredential,
    start: () => startProsody({ users, config: encrypted }),
  },
  {
    name: 'the token itself at Prosody',
    packages: ['prosody', 'openssl'],
    environment: { PAGE_TOKEN_LOGIN: 'token' },
    signedFor: async () => usualToken,
    async start() {
      const endpoint = await startIntrospectionEndpoint({ [usualToken]: JSON.stringify({ active: true, jid }) })
      const prosody = await startProsody({ config: encrypted + endpoint.settings })
      return { ...prosody, stop: () => prosody.stop().finally(() => endpoint.close()) }
    },
  },
  {
    name: 'a service account at ejabberd',
    packages: ['ejabberd', 'openssl'],
    ...byService,
    start: () => startEjabberd({ users }),
  },
  {
    name: 'the token as a password at ejabberd',
    packages: ['ejabberd', 'openssl'],
    environment: { PAGE_TOKEN_LOGIN: 'password' },
    signedFor: async () => usualToken,
    start() {
      const key = { kty: 'oct', k: Buffer.from(pageSecret).toString('base64url') }
      return startEjabberd({ authentication: `auth_method: jwt\njwt_key: "${file('key.json', JSON.stringify(key))}"` })
    },
  },
  {
    name: 'a credential in the token at ejabberd',
    packages: ['ejabberd', 'openssl'],
    ...byCredential,
    start: () => startEjabberd({ users }),
  },
]

for (const { name, packages, environment, signedFor, start } of ways)
  describeWith(packages, `a page that logs in by ${name}`, () => {
    let server: XmppServer
    let service: TestService
    const portal = 'https://portal.example'

    beforeAll(async () => {
      server = await start()
      service = await startTestService({
        servers: `localhost=xmpp://127.0.0.1:${server.c2sPort}?ca=${server.caFile}`,
        environment: {
          PAGE_ORIGINS: portal,
          PAGE_TOKEN_SECRET_FILE: file('secrets', pageSecret),
          PAGE_TOKEN_AUDIENCE: 'chat',
          PAGE_TOKEN_JID: '{sub}@localhost',
          ...environment,
        },
      })
    })

    afterEach(async () => {
      await eventually('no connection left at the server', () => connectionsOf(server.c2sPort) === 0)
    })

    afterAll(async () => {
      await service?.stop()
      await server?.stop()
    })

    test('chats, gets messages that arrived during a reload, and signs out in all tabs', async () => {
      const token = await signedFor(service)
      const call = async (method: 'POST' | 'DELETE', tab?: string) => {
        const headers = { Origin: portal, Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
        const body = tab === undefined ? '' : JSON.stringify({ tab })
        const { status, text } = await ask(`${service.url}/connect`, { method, agent: false, headers }, body)
        return { status, json: JSON.parse(text) }
      }
      const open = async (tab: string) => {
        const { status, json } = await call('POST', tab)
        expect({ status, json }).toMatchObject({
          status: 200,
          json: { jid: expect.stringMatching(/^alice@localhost\/./) },
        })
        return { resumed: json.resumed, user: User.attach(json.url, json) }
      }
      const one = await open('t1')
      const other = await open('t2')
      expect([one.resumed, other.resumed]).toEqual([false, false])
      other.user.say(one.user.jid, 'hello')
      await one.user.receives('hello')

      // The page is gone, and its last request is answered to nobody.
      const reloaded = await open('t1')
      expect([reloaded.resumed, reloaded.user.jid]).toEqual([true, one.user.jid])
      other.user.say(one.user.jid, 'are you there?')
      await reloaded.user.receives('are you there?')
      reloaded.user.say(other.user.jid, 'yes')
      await other.user.receives('yes')

      expect(await call('DELETE')).toEqual({ status: 200, json: { ended: 2 } })
      for (const { user } of [one, other, reloaded]) await user.leave()
      const log = service.lines.join('\n')
      for (const secret of [...Object.values(users), token.split('.')[1]!]) expect(log).not.toContain(secret)
    })
  })
