// A Prosody of its own for tests and benchmarks: one temporary folder, free ports, loopback only.
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { makeCertificate } from './certificates.js'
import { patience } from './eventually.js'
import { freePorts } from './ports.js'
import { storedKeys } from './scram.js'
import { answersAt, inFolder, inServersRoot, type ServerProcess, startServerProcess } from './server-process.js'
import { restartable, type XmppServer } from './xmpp-server.js'

export interface ProsodyOptions {
  /** SCRAM iterations of the accounts made here; default 10000, as Prosody's own. */
  readonly iterations?: number
  readonly domain?: string
  /** Accounts that exist from the start: name to password. */
  readonly users?: Readonly<Record<string, string>>
  /** Disabled accounts of `users`. Prosody 0.12 ignores this. */
  readonly disabled?: readonly string[]
  /** Lua lines added to the global part of the configuration; they come last and win. */
  readonly config?: string
}

export type Prosody = Awaited<ReturnType<typeof startProsody>>

/** Starts Prosody and resolves once it answers over HTTP. Rejects, with its log, if it does not. */
export function startProsody(options: ProsodyOptions = {}) {
  return inFolder('warm-prosody-', (folder, remove) => startIn(folder, remove, options))
}

async function startIn(folder: string, remove: () => Promise<void>, options: ProsodyOptions) {
  const [c2sPort = 0, httpPort = 0, directTlsPort = 0] = await freePorts(3)
  const { domain = 'localhost' } = options
  const caFile = join(folder, 'localhost.pem')
  const { key, cert } = makeCertificate([`DNS:${domainToASCII(domain)}`])
  const folderOf = (host: string) => join(folder, 'data', encodeFileName(host))
  // Prosody looks for further certificates beside its configuration and complains when there is no such folder.
  await mkdir(join(folder, 'certs'))

  /**
   * Makes an account or replaces its password. `prosodyctl` takes a process and half a second for each account, so the
   * account files are written directly; Prosody reads them anew at each login. `host`: of `config`, if it is another one.
   */
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
    writeFile(caFile, cert),
    writeFile(join(folder, 'localhost.key'), key),
    ...Object.entries(options.users ?? {}).map(([user, password]) => register(user, password)),
    writeFile(
      join(folder, 'prosody.cfg.lua'),
      configFile(folder, { domain, c2sPort, httpPort, directTlsPort }, options.config),
    ),
  ])

  /** Names of the files that Prosody has for this host, such as `accounts/alice.dat`. */
  const files = async (host: string) =>
    (await readdir(folderOf(host), { recursive: true })).filter(name => name.endsWith('.dat'))
  const facts = { c2sPort, directTlsPort, httpPort, domain, caFile, register, files }
  return restartable(facts, () => launch(folder, httpPort), remove)
}

function launch(folder: string, httpPort: number): Promise<ServerProcess> {
  return startServerProcess({
    command: inServersRoot(['prosody', '--config', join(folder, 'prosody.cfg.lua'), '-F']),
    isReady: answersAt(`http://127.0.0.1:${httpPort}/http-bind`),
    ...{ name: 'Prosody', folder, patience: { start: patience, end: 5_000 } },
  })
}

const configFile = (
  folder: string,
  { domain, c2sPort, httpPort, directTlsPort }: Pick<XmppServer, 'domain' | 'c2sPort' | 'httpPort' | 'directTlsPort'>,
  extra = '',
) => `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
log = { warn = "${folder}/Prosody.log" }
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
