// Runs provider, Prosody, warm-bindings and portal on this machine, each as its own program with its
// usual settings. Needs Prosody 0.12; on Debian: apt-get install prosody.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const path = name => fileURLToPath(new URL(name, import.meta.url))
const secret = () => randomBytes(24).toString('hex')

async function freePort(wanted) {
  const server = createServer().listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await once(server.close(), 'close')
  return port
}

const [portal, provider, prosody, service] = await Promise.all([process.env.PORT ?? 3000, 0, 0, 0].map(freePort))
const url = port => `http://127.0.0.1:${port}`
const running = []
const end = code => {
  for (const child of running) child.kill()
  process.exit(code)
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => end(0))

/** Runs a program and resolves when it listens at its port. If a program ends, all end. */
async function run(port, command, settings, output = 'ignore') {
  const [program, ...args] = command
  const env = { ...process.env, PORT: String(port), ...settings }
  // A folder without your `.env`.
  const child = spawn(program, args, { cwd: path('.'), env, stdio: ['ignore', output, 'inherit'] })
  running.push(child)
  child.once('error', error => {
    console.error(`${program} does not start; is it installed? ${error.message}`)
    end(1)
  })
  child.once('exit', code => end(code ?? 1))
  while (!(await listensAt(port))) await pause(50)
}

const listensAt = port =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

const asPortal = { PORTAL_URL: url(portal), OIDC_CLIENT_SECRET: secret() }
const asXmppServer = {
  ...{ INTROSPECTION_URL: `${url(provider)}/token/introspection`, INTROSPECTION_SECRET: secret() },
  PLUGINS: path('prosody'),
}
const asAdmin = { WARM_URL: `${url(service)}/warm`, WARM_USER: 'portal', WARM_PASSWORD: secret() }

await Promise.all([
  run(provider, [process.execPath, path('provider.js')], { ...asPortal, ...asXmppServer }),
  run(prosody, ['prosody', '--config', path('prosody/prosody.cfg.lua'), '-F'], asXmppServer),
  run(service, [process.execPath, path('../../dist/main.js')], {
    ...{ HOST: '127.0.0.1', ADMIN_USERS: `portal:${asAdmin.WARM_PASSWORD}`, METRICS_ADDRESS: 'none' },
    ...{ XMPP_DOMAINS: 'localhost', XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${prosody}?tls=none&plain=on` },
    ...{ CORS_ORIGINS: url(portal) },
  }),
])
console.log('\n  Sign in as alice with the password rabbit, or as bob with hammer.')
await run(
  portal,
  [process.execPath, path('main.js')],
  { ...asPortal, ...asAdmin, OIDC_ISSUER: url(provider) },
  'inherit',
)
