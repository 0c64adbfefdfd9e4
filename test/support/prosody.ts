// A Prosody of its own for tests and benchmarks: one temporary folder, free ports, loopback only.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { promisify } from 'node:util'
import { patience } from './eventually.js'
import { freePorts } from './ports.js'
import { storedKeys } from './scram.js'
import { inFolder, type ServerProcess, startServerProcess } from './server-process.js'

const run = promisify(execFile)

export interface ProsodyOptions {
  /** SCRAM iterations of the accounts made here; default 10000, as Prosody's own. */
  readonly iterations?: number
  /** The domain that it serves; default `localhost`. */
  readonly domain?: string
  /** Accounts that exist from the start: name to password. */
  readonly users?: Readonly<Record<string, string>>
  /** Disabled accounts of `users`. Prosody 0.12 ignores this. */
  readonly disabled?: readonly string[]
  /** Lua lines added to the global part of the configuration; they come last and win. */
  readonly config?: string
}

export interface Prosody {
  /** Of the running process; another one after a restart. */
  readonly pid: number
  /** Client connections, with and without STARTTLS. */
  readonly c2sPort: number
  /** Client connections over TLS from the start. */
  readonly directTlsPort: number
  /** BOSH at `/http-bind`. */
  readonly httpPort: number
  readonly domain: string
  /** PEM file with the certificate to trust for the domain. */
  readonly caFile: string
  /** Makes an account or replaces its password; takes a few milliseconds. `host`: of `config`, if it is another one. */
  register(user: string, password: string, host?: string): Promise<void>
  /** Names of the files that Prosody has for this host, such as `accounts/alice.dat`. */
  files(host: string): Promise<string[]>
  /** Ends Prosody in good order and removes its folder. May be called twice. */
  stop(): Promise<void>
  /** Ends Prosody if it runs and starts it again: same ports, same accounts. */
  restart(): Promise<void>
  /** Ends Prosody without a farewell to its clients; `restart` brings it back, `stop` removes its folder. */
  kill(): Promise<void>
  /** What Prosody has logged so far, warnings and worse. */
  log(): string
}

/** Starts Prosody and resolves once it answers over HTTP. Rejects, with its log, if it does not. */
export function startProsody(options: ProsodyOptions = {}): Promise<Prosody> {
  return inFolder('warm-prosody-', (folder, remove) => startIn(folder, remove, options))
}

async function startIn(folder: string, remove: () => Promise<void>, options: ProsodyOptions): Promise<Prosody> {
  const [c2sPort = 0, httpPort = 0, directTlsPort = 0] = await freePorts(3)
  const { domain = 'localhost' } = options
  const caFile = join(folder, 'localhost.pem')
  const folderOf = (host: string) => join(folder, 'data', encodeFileName(host))
  // Prosody looks for further certificates beside its configuration and complains when there is no such folder.
  await mkdir(join(folder, 'certs'))

  // prosodyctl takes a process and half a second for each account, so the account files are written directly;
  // Prosody reads them anew at each login.
  const register = async (user: string, password: string, host = domain) => {
    const accounts = join(folderOf(host), 'accounts')
    await mkdir(accounts, { recursive: true })
    const file = join(accounts, `${encodeFileName(user)}.dat`)
    const unfinished = `${file}.${randomUUID()}`
    const account = await accountFile(password, options.iterations ?? 10_000, options.disabled?.includes(user))
    await writeFile(unfinished, account)
    await rename(unfinished, file)
  }
  await Promise.all([
    makeCertificate(folder, caFile, domainToASCII(domain)),
    ...Object.entries(options.users ?? {}).map(([user, password]) => register(user, password)),
    writeFile(
      join(folder, 'prosody.cfg.lua'),
      configFile(folder, { domain, c2sPort, httpPort, directTlsPort }, options.config),
    ),
  ])

  let running = await launch(folder, httpPort)
  return {
    get pid() {
      return running.pid
    },
    c2sPort,
    directTlsPort,
    httpPort,
    domain,
    caFile,
    register,
    files: async host => (await readdir(folderOf(host), { recursive: true })).filter(name => name.endsWith('.dat')),
    log: () => running.log(),
    kill: () => running.end('SIGKILL'),
    restart: async () => {
      await running.end('SIGTERM')
      running = await launch(folder, httpPort)
    },
    stop: async () => {
      await running.end('SIGTERM')
      await remove()
    },
  }
}

/** Starts the process in a folder that is ready for it and waits until it answers. */
function launch(folder: string, httpPort: number): Promise<ServerProcess> {
  return startServerProcess({
    command: ['prosody', '--config', join(folder, 'prosody.cfg.lua'), '-F'],
    ...{ name: 'Prosody', folder, httpPort, patience: { start: patience, end: 5_000 } },
    logged: () => readLog(join(folder, 'prosody.log')),
  })
}

/** The PEM file serves as both: it signs itself. */
async function makeCertificate(folder: string, caFile: string, domain: string): Promise<void> {
  const key = join(folder, 'localhost.key')
  const subject = ['-subj', `/CN=${domain}`, '-addext', `subjectAltName=DNS:${domain}`, '-days', '2']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await run('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', caFile, ...subject])
}

const configFile = (
  folder: string,
  { domain, c2sPort, httpPort, directTlsPort }: Pick<Prosody, 'domain' | 'c2sPort' | 'httpPort' | 'directTlsPort'>,
  extra = '',
) => `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
log = { warn = "${folder}/prosody.log" }
authentication = "internal_hashed"
storage = "internal"
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "websocket", "smacks" }
modules_disabled = { "s2s" }
interfaces = { "127.0.0.1" }
c2s_ports = { ${c2sPort} }
c2s_direct_tls_ports = { ${directTlsPort} }
c2s_direct_tls_ssl = { key = "${folder}/localhost.key", certificate = "${folder}/localhost.pem" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = false
http_ports = { ${httpPort} }
http_interfaces = { "127.0.0.1" }
https_ports = { }
consider_bosh_secure = true
-- The default backlog of 128 drops connections when a benchmark opens them all at once.
-- Prosody 13.0.1 cuts an HTTP reply off after this many bytes if the socket does not take it at once; the default is 4 MiB.
network_settings = { tcp_backlog = 1024, max_send_chunk = 64 * 1024 * 1024 }
${extra}
VirtualHost "${domain}"
  ssl = { key = "${folder}/localhost.key", certificate = "${folder}/localhost.pem" }
`

/** An account as mod_auth_internal_hashed stores it. */
async function accountFile(password: string, iterations: number, disabled = false): Promise<string> {
  const salt = randomUUID()
  const { storedKey, serverKey } = await storedKeys(password, Buffer.from(salt), iterations)
  return `return {
  ["iteration_count"] = ${iterations};
  ["salt"] = "${salt}";
  ["stored_key"] = "${storedKey}";
  ["server_key"] = "${serverKey}";
  ["disabled"] = ${disabled};
};
`
}

/** The file name of a user, after util/datamanager.lua: every byte but ASCII letters and digits as `%xx`. */
const encodeFileName = (user: string) =>
  Array.from(Buffer.from(user), byte => {
    const letter = String.fromCharCode(byte)
    return /[A-Za-z0-9]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
