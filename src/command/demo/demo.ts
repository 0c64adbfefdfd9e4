import { loadConfig } from '../../config/load.js'
import { Counts } from '../../lib/counts.js'
import { type Service, startService } from '../../service/service.js'
import { createLogs } from '../../watching/logs.js'
import { createDemoRouter, demoPath } from './router.js'
import { startDemoServer } from './server.js'
import { domain } from './stanza.js'

const passwords = { alice: 'demo', bob: 'demo' }
const admin = 'portal:demo'

/** Its XMPP server ends with the process. */
export async function startDemo({ PORT, LOG_LEVEL = 'warn', AUDIT_LOG = 'off' }: NodeJS.ProcessEnv): Promise<Service> {
  const server = await startDemoServer(passwords)
  const { config } = loadConfig({
    HOST: '127.0.0.1',
    PORT,
    ADMIN_USERS: admin,
    XMPP_DOMAINS: domain,
    XMPP_SERVERS: `${domain}=xmpp://127.0.0.1:${server.port}?tls=none`,
    METRICS_ADDRESS: 'none',
    RATE_WARMS_PER_JID: '0',
    MAX_SESSIONS_PER_JID: '0',
    // The user of a closed tab looks online for 8 s at most.
    WEBSOCKET_RESUME: '8',
    LOG_LEVEL,
    AUDIT_LOG,
  })
  const counts = new Counts()
  const { log, audit } = createLogs({ config, counts })
  const service = await startService({
    config,
    log,
    audit,
    counts,
    routers: () => [createDemoRouter(config, admin, passwords)],
    demoPath,
  })
  process.stdout.write(introduction(service.url))
  return service
}

function introduction(url: string): string {
  return `
  warm-bindings runs at ${url}, with a small XMPP server of its own behind it.

  See two users chat without a password in the browser:
    ${url}/demo
    ${url}/demo?transport=websocket

  See their sessions and the numbers as an admin, user portal, password demo:
    ${url}/warm/sessions
    ${url}/warm/numbers

  Warm a session as your backend would, in JSON and as a form that is answered in XHTML:
    curl -u ${admin} -H 'Content-Type: application/json' -d '{"jid":"alice@localhost","password":"demo"}' ${url}/warm
    curl -u ${admin} -d jid=alice@localhost -d password=demo ${url}/warm

  Accounts on the XMPP server: alice@localhost and bob@localhost, password demo.
  Everything is in memory and on this machine only. Ctrl+C stops it.

`
}
