// An ejabberd of its own for tests: one temporary folder, free ports, loopback only. It is started without
// `ejabberdctl`: Erlang then has no node name, and so needs no epmd, no cookie and no user of its own.
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { makeCertificate } from './certificates.js'
import { freePorts } from './ports.js'
import {
  answersAt,
  inFolder,
  inServersRoot,
  majorOf,
  type ServerProcess,
  serversRoot,
  startServerProcess,
} from './server-process.js'
import { restartable, type XmppServer } from './xmpp-server.js'

export interface EjabberdOptions {
  /** Accounts that exist from the start: name to password. */
  readonly users?: Readonly<Record<string, string>>
  /** Whether clients may stay without STARTTLS; off unless asked for. */
  readonly plain?: boolean
  /** Lines of the configuration that say who is let in; accounts with passwords unless given. */
  readonly authentication?: string
  /** Hosts besides `localhost`. Their users are not registered. */
  readonly hosts?: readonly string[]
  readonly modules?: string
  /** Whether clients may upload files (XEP-0363), at `/upload` of the HTTP port. */
  readonly uploads?: boolean
  /** Certificate, PEM, that clients may show to log in by SASL EXTERNAL. */
  readonly clientCa?: string
}

export type Ejabberd = Awaited<ReturnType<typeof startEjabberd>>

/**
 * Starts ejabberd and resolves once it answers over HTTP. If it is not ready within a minute, rejects with its log. Clients
 * need STARTTLS unless `plain` was asked for. What others told it in the last seconds may be lost by `kill`.
 */
export function startEjabberd(options: EjabberdOptions = {}) {
  return inFolder('warm-ejabberd-', (folder, remove) => startIn(folder, remove, options))
}

async function startIn(folder: string, remove: () => Promise<void>, options: EjabberdOptions) {
  const [c2sPort = 0, httpPort = 0, directTlsPort = 0] = await freePorts(3)
  const caFile = join(folder, 'localhost.pem')
  const { key, cert } = makeCertificate(['localhost', ...(options.hosts ?? [])].map(host => `DNS:${host}`))
  await Promise.all([
    writeFile(caFile, cert),
    writeFile(join(folder, 'key-and-certificate.pem'), key + cert),
    writeFile(join(folder, 'client-ca.pem'), options.clientCa ?? ''),
    writeFile(join(folder, 'ejabberd.yml'), configFile(folder, { c2sPort, httpPort, directTlsPort }, options)),
  ])
  const command = (name: string, parameters: object) =>
    fetch(`http://127.0.0.1:${httpPort}/api/${name}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(parameters),
    })
  const accounts = new Map(Object.entries(options.users ?? {}))
  /** Makes an account; changes none that is there. */
  const register = async (user: string, password: string) => {
    accounts.set(user, password)
    const response = await command('register', { user, password, host: 'localhost' })
    const said = await response.text()
    // The account exists if ejabberd saved it before a restart.
    if (!response.ok && response.status !== 409) throw new Error(`ejabberd does not register ${user}: ${said}`)
  }

  const start = async () => {
    const process = await launch(folder, httpPort)
    try {
      for (const [user, password] of accounts) await register(user, password)
    } catch (error) {
      await process.end('SIGKILL')
      throw error
    }
    return process
  }
  const facts = { c2sPort, directTlsPort, httpPort, domain: 'localhost', caFile }
  const calls = {
    register,
    /** Issues a token with which this account may log in by SASL X-OAUTH2 for a minute. */
    async issueToken(user: string) {
      const scopes = majorOf('ejabberd') < 24 ? 'sasl_auth' : ['sasl_auth']
      const wanted = { jid: `${user}@localhost`, ttl: 60, scopes }
      const response = await command('oauth_issue_token', wanted)
      if (!response.ok) throw new Error(`ejabberd issues no token for ${user}: ${await response.text()}`)
      return ((await response.json()) as { token: string }).token
    },
  }
  return restartable({ ...facts, ...calls }, start, remove)
}

const loadModules = `[code:ensure_modules_loaded(Modules) ||
  Name <- [crypto, public_key, p1_utils, cache_tab, stringprep, fast_xml, fast_tls, pkix, idna, xmpp, ejabberd],
  _ <- [application:load(Name)], {ok, Modules} <- [application:get_key(Name, modules)]].`

async function launch(folder: string, httpPort: number): Promise<ServerProcess> {
  const database = ['-mnesia', 'dir', JSON.stringify(join(folder, 'database'))]
  const program = ['-eval', loadModules, '-s', 'ejabberd']
  const started = await startServerProcess({
    // Each load of modules waits for all threads. On a busy machine, the first login over TLS would need half a minute:
    // modules are loaded together, with a high priority. If `nice` may not raise it, it complains, but starts the program.
    command: inServersRoot(['nice', '-n', '-10', 'erl', '-noinput', ...database, ...program]),
    environment: {
      PATH: process.env['PATH'],
      HOME: folder,
      ERL_LIBS: erlangLibraries(),
      ERL_CRASH_DUMP_BYTES: '0',
      EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'),
      EJABBERD_LOG_PATH: join(folder, 'own.log'),
    },
    isReady: answersAt(`http://127.0.0.1:${httpPort}/http-bind`),
    ...{ name: 'ejabberd', folder },
  })
  goInTurn(started.pid)
  return started
}

/** Resets the priority of the process. On Linux, each thread has its own priority. */
function goInTurn(pid: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), 0)
}

/** Where the package has its Erlang applications; the folder's name depends on the machine's architecture. */
function erlangLibraries(): string {
  const script = readFileSync(`${serversRoot}/usr/sbin/ejabberdctl`, 'utf8')
  const folder = /^ERL_LIBS='([^']+)'$/m.exec(script)?.[1]
  if (folder === undefined) throw new Error('/usr/sbin/ejabberdctl does not say where ejabberd is')
  return folder
}

/** How ejabberd keeps its accounts unless told otherwise. */
const accountsWithPasswords = 'auth_method: internal\nauth_password_format: scram'

const configFile = (
  folder: string,
  { c2sPort, httpPort, directTlsPort }: Pick<XmppServer, 'c2sPort' | 'httpPort' | 'directTlsPort'>,
  {
    plain = false,
    authentication = accountsWithPasswords,
    hosts = [],
    modules = '',
    uploads = false,
    clientCa,
  }: EjabberdOptions,
) => `
loglevel: warning
hosts: [${['localhost', ...hosts].join()}]
certfiles: ["${folder}/key-and-certificate.pem"]
${authentication}
oauth_access: all
shaper: {}
listen:
  - port: ${c2sPort}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: true
    starttls_required: ${!plain}${clientCa === undefined ? '' : `\n    tls_verify: true\n    cafile: "${folder}/client-ca.pem"`}
    # With the default of 5 a burst of connections waits a whole second.
    backlog: 1024
  - port: ${directTlsPort}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    tls: true
    backlog: 1024
  - port: ${httpPort}
    ip: "127.0.0.1"
    module: ejabberd_http
    backlog: 1024
    request_handlers:
      /http-bind: mod_bosh
      /xmpp-websocket: ejabberd_http_ws
      /api: mod_http_api${uploads ? '\n      /upload: mod_http_upload' : ''}
api_permissions:
  "the tests": {from: mod_http_api, who: {ip: "127.0.0.1"}, what: [register, oauth_issue_token]}
modules:
  mod_bosh: {}
  mod_roster: {}
  mod_disco: {}
  mod_ping: {}
  mod_stream_mgmt: {}
${modules}${uploads ? uploadModule(folder, httpPort) : ''}
`

/** Without these headers, pages of another origin cannot upload. */
const uploadModule = (folder: string, httpPort: number) => `
  mod_http_upload:
    put_url: "http://localhost:${httpPort}/upload"
    docroot: "${folder}/uploads"
    access: all
    custom_headers:
      "Access-Control-Allow-Origin": "*"
      "Access-Control-Allow-Methods": "GET,HEAD,PUT,OPTIONS"
      "Access-Control-Allow-Headers": "Content-Type"
`
