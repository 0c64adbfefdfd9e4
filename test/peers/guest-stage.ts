// A service whose pages log in guests, and its users: guests, agents and others.
import { join } from 'node:path'
import { callConnect } from '../support/page-call.js'
import { startProsody } from '../support/prosody.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'
import { bindingIn, startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { User } from './user.js'

export const origin = 'https://www.example.org'
export const guests = 'guests.localhost'

export const bare = (jid: string) => jid.split('/')[0]!

/** XMPP_SERVERS, and other settings. */
export interface GuestServers {
  readonly servers: string
  readonly environment: Readonly<Record<string, string>>
}

export class GuestStage {
  readonly #users: User[] = []

  private constructor(readonly service: TestService) {}

  static async open({ servers, environment }: GuestServers): Promise<GuestStage> {
    const usual = { XMPP_DOMAINS: '*.localhost,localhost', PAGE_ORIGINS: origin, PAGE_GUESTS: guests }
    return new GuestStage(await startTestService({ servers, environment: { ...usual, ...environment } }))
  }

  async come(token = '', tab = 't1'): Promise<WarmBinding> {
    return bindingIn(await callConnect(this.service.url, origin, { token, tab }))
  }

  async attach(binding: WarmBinding): Promise<User> {
    const user = User.attach(`${this.service.url}/http-bind`, binding)
    this.#users.push(user)
    await user.isUpToDate()
    return user
  }

  async logIn(jid: string, password?: string): Promise<User> {
    return await this.attach(await this.service.bind({ jid, ...(password !== undefined && { password }) }))
  }

  async end(jid: string): Promise<void> {
    await callSessions(this.service.url, 'DELETE', `/sessions?jid=${bare(jid)}`)
  }

  async clear(): Promise<void> {
    await Promise.all(this.#users.splice(0).map(user => user.leave()))
    const { sessions } = (await callSessions(this.service.url, 'GET', '/sessions')).json
    for (const { jid } of sessions) await this.end(jid)
  }

  async stop(): Promise<void> {
    await this.service.stop()
  }
}

const ofAccounts = `
  modules_enabled = { "service_account", "guests", "blocklist" }
  modules_disabled = { "s2s" }
  service_accounts = { "portal@${guests}" }
  service_accounts_create = true
  default_storage = "memory"
  storage = { accounts = "internal" }`

const ofAnonymous = `
  authentication = "anonymous"
  modules_enabled = { "guests", "blocklist" }`

/** A Prosody as in docs/guests.md, with the agent `support` and another user. `config` is for all hosts. */
export async function startProsodyForGuests(forgetSeconds: number, { config = '', areAnonymous = false } = {}) {
  const prosody = await startProsody({
    users: { support: 'secret-of-support', bob: 'secret-of-bob' },
    config: `
plugin_paths = { "${join(root, 'deploy/prosody')}" }
${config}
VirtualHost "${guests}"${areAnonymous ? ofAnonymous : ofAccounts}
  guests_may_reach = { "support@localhost" }
  guests_forget_after = ${forgetSeconds}
`,
  })
  if (!areAnonymous) await prosody.register('portal', 'secret-of-portal', guests)
  const at = `xmpp://127.0.0.1:${prosody.c2sPort}?tls=none`
  const account = { XMPP_SERVICE_ACCOUNTS: `${guests}=portal:secret-of-portal` }
  return { prosody, servers: `localhost=${at},${guests}=${at}`, environment: areAnonymous ? {} : account }
}
