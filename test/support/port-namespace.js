// The service and a small XMPP server in a network of their own, which has few local ports.
// Warms sessions until a call fails, and writes what came of it as JSON.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const load = path => import(pathToFileURL(join(import.meta.dirname, '../../dist', `${path}.js`)).href)
const [{ startDemoServer }, { startService }, { loadConfig }, { createLogs }, { Counts }] = await Promise.all(
  ['command/demo/server', 'service/service', 'config/load', 'watching/logs', 'lib/counts'].map(load),
)

const server = await startDemoServer({ alice: 'secret' })
const { config } = loadConfig({
  HOST: '::1',
  PORT: '8080',
  METRICS_ADDRESS: '[::1]:9110',
  ADMIN_USERS: 'portal:secret',
  XMPP_DOMAINS: 'localhost',
  XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
  XMPP_SPARE_LINKS: '0',
  RATE_WARMS_PER_JID: '0',
  MAX_SESSIONS_PER_JID: '0',
  AUDIT_LOG: 'off',
})
const lines = []
const counts = new Counts()
const { log, audit } = createLogs({ config, counts, writeLine: line => lines.push(JSON.parse(line)) })
const service = await startService({ config, log, audit, counts })

const authorization = `Basic ${Buffer.from('portal:secret').toString('base64')}`
const call = async (method, path, body) => {
  const headers = { authorization, accept: 'application/json', 'content-type': 'application/json' }
  const response = await fetch(`http://[::1]:8080${path}`, { method, headers, body: body && JSON.stringify(body) })
  return { status: response.status, ...(response.status === 204 ? {} : await response.json()) }
}
const warm = () => call('POST', '/warm', { jid: 'alice@localhost', password: 'secret' })

const ids = []
let failed
for (;;) {
  const reply = await warm()
  if (reply.status !== 200) {
    failed = reply
    break
  }
  ids.push(reply.id)
}
const metrics = await (await fetch('http://[::1]:9110/metrics')).text()
const isUp = / 1$/m.test(/^warm_bindings_xmpp_server_up\{.*$/m.exec(metrics)?.[0] ?? '')
for (const id of ids) await call('DELETE', `/warm/${id}`)
while (service.counts().links > 0) await new Promise(resolve => setTimeout(resolve, 5))
const { status: again } = await warm()
const refused = lines.filter(({ msg }) => msg === 'a limit was reached')
process.stdout.write(JSON.stringify({ sessions: ids.length, failed, isUp, again, refused }))
process.exit()
