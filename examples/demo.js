// The service that the portals need, with a small XMPP server in memory. Your service has the same settings.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDemoServer } from '../dist/command/demo/server.js'
import { startService } from '../dist/library.js'
import { users } from './portal/users.js'

const newSecret = () => randomBytes(32).toString('hex')

/** Starts the service for pages, and resolves with its URL. */
export async function startChat(pageSettings, names = [...users.keys()], isGuest) {
  const password = newSecret()
  const accounts = Object.fromEntries(names.map(name => [name, newSecret()]))
  const server = await startDemoServer(accounts, { portal: password }, isGuest)
  const { url } = await startService({
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'warn',
    AUDIT_LOG: 'off',
    METRICS_ADDRESS: 'none',
    WARM_ENABLED: 'off', // `/warm` is for portals without tokens
    XMPP_DOMAINS: 'localhost',
    XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    XMPP_SERVICE_ACCOUNTS: `localhost=portal:${password}`,
    ...pageSettings,
  })
  return url
}

/** Starts the service, and resolves with the settings for the portal at `origin`. */
export async function startDemo(origin, settings, names, isGuest) {
  const CHAT_SECRET = newSecret()
  const folder = mkdtempSync(join(tmpdir(), 'portal-'))
  const file = join(folder, 'page-secrets')
  writeFileSync(file, CHAT_SECRET, { mode: 0o600 })
  const pageSettings = {
    PAGE_ORIGINS: origin,
    PAGE_TOKEN_SECRET_FILE: file,
    PAGE_TOKEN_AUDIENCE: 'chat',
    PAGE_TOKEN_JID: '{sub}@localhost',
  }
  const CHAT_URL = await startChat({ ...pageSettings, ...settings }, names, isGuest)
  rmSync(folder, { recursive: true })
  return { CHAT_URL, CHAT_SECRET }
}
