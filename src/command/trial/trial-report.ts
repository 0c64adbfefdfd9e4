import type { Config } from '../../config/config.js'
import { written } from '../../config/kinds/listen-addresses.js'
import { remoteOf } from '../../config/serving.js'
import { advice } from '../../http/answers/advice.js'
import { type Problem, type ProblemCode, problems, type Step } from '../../lib/errors.js'
import { traceOf } from '../../lib/log.js'
import { CertificateFault } from '../../servers/net/certificate-fault.js'
import type { BindingObject } from '../../warm/answers.js'
import { JidMistake } from '../../warm/jid-mistakes.js'
import { withULabels } from '../../xmpp/jid/domains.js'

/** XEP-0198. */
export type StreamManagement = 'resumable' | 'not-resumable' | 'unanswered' | 'not-offered' | 'off'

/** How long the trial waits for the server's answer. */
export const answerMilliseconds = 2_000

export interface LoginNotes {
  /** With A-labels. */
  domain?: string
  mechanism?: string
  encrypted?: boolean
  ms?: number
  management?: StreamManagement
}

interface Trial {
  readonly jid: string
  readonly config: Config
  readonly login: LoginNotes
}

const secrets: ReadonlySet<string> = new Set(['sid', 'rid', 'cookie'] satisfies (keyof BindingObject)[])

export function saySuccess(binding: BindingObject, { jid, config, login }: Trial): string {
  const { domain = '', mechanism, encrypted, ms, management } = login
  const rows = Object.entries(binding)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name.padEnd(12)} ${shown(name, value)}`)
  return `${jid} can be logged in${warmAnswer(config, 'with this session')}.

${rows.join('\n')}

Server: ${serverOf(domain, config)}.
Login: ${mechanism} over ${encrypted ? 'an encrypted' : 'an unencrypted'} link, in ${ms} ms.
Stream management: ${sayManagement(management, domain, config)}

This was a trial: the session has ended, and nothing stays logged in.
`
}

function warmAnswer({ warm, warmPath }: Config, answer: string): string {
  if (warm.enabled) return `: POST ${warmPath} would answer ${answer}`
  return `. POST ${warmPath} is off: with WARM_ENABLED=on it would answer ${answer}`
}

function shown(name: string, value: unknown): string {
  if (secrets.has(name)) return '(not shown)'
  if (name === 'websocket') return `${(value as { url: string }).url}, with a token (not shown)`
  const isPath = name === 'url' && String(value).startsWith('/')
  return isPath ? `${value} (at the address of the call: EXTERNAL_URL is not set)` : String(value)
}

const steps: Readonly<Record<Step, string>> = {
  resolve: 'finding the server',
  connect: 'connecting to the server',
  tls: 'encrypting the link',
  features: 'reading the offer of the server',
  sasl: 'checking the credentials',
  bind: 'binding a resource',
}

export function sayFailure(problem: Problem, { jid, config, login }: Trial): string {
  const { status, code, step, condition, quote, detail, cause } = problem
  const { domain, mechanism } = login
  const certificate = cause instanceof CertificateFault ? cause.certificate : undefined
  const told = causeOf(cause)
  const whatToDo =
    (domain && aboutAddress.has(code) && endpointAdvice(domain, config)) || trialAdvice[code] || advice[code]
  const facts = [
    step && `Step: ${step}, ${steps[step]}${step === 'sasl' && mechanism ? ` with ${mechanism}` : ''}.`,
    step && domain && `Server: ${serverOf(domain, config)}.`,
    certificate && `Certificate: ${certificate}.`,
    condition && `Condition of the server: ${condition}.`,
    told && `Error of the system: ${told}.`,
    code !== 'internal-error' && `What to do: ${whatToDo}`,
    code === 'internal-error' && `Please report this: ${JSON.stringify(traceOf(cause))}`,
  ]
  return [
    `${jid} cannot be logged in${warmAnswer(config, `${status} ${code}`)}.`,
    [problems[code].sentence, quote, detail].filter(Boolean).join(' '),
    facts.filter(Boolean).join('\n'),
    'This was a trial: nothing stays logged in. See docs/errors.md for all codes.',
  ].join('\n\n')
}

function causeOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || cause instanceof CertificateFault || cause instanceof JidMistake) return undefined
  const { code, address, port } = cause as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code === undefined) return undefined
  return address === undefined || port === undefined ? code : `${code} at ${written({ host: address, port })}`
}

function serverOf(domain: string, config: Config): string {
  const remote = remoteOf(config, domain)
  const name = withULabels(domain)
  if (remote?.url !== undefined) return `the BOSH endpoint ${remote.url}, from XMPP_SERVERS`
  if (remote !== undefined) return `the BOSH endpoint in the host-meta of ${name}, from XMPP_SERVERS`
  const server = config.servers.get(domain) ?? config.servers.get('*')
  if (server !== undefined) return `${written(server)}, from XMPP_SERVERS`
  return `from the DNS records of ${name}, or else this host at port 5222`
}

const howToName = 'Name it in XMPP_SERVERS, as in example.org=xmpp://10.0.0.5:5222'
const aboutAddress: ReadonlySet<ProblemCode> = new Set([
  'host-unknown',
  'remote-connection-failed',
  'remote-protocol-error',
  'timeout',
])

function endpointAdvice(domain: string, config: Config): string | undefined {
  const remote = remoteOf(config, domain)
  if (remote === undefined) return undefined
  return remote.url === undefined
    ? 'Does /.well-known/host-meta of the domain name a BOSH endpoint? You can name the endpoint in XMPP_SERVERS, as in example.org=https://xmpp.example.org/http-bind.'
    : 'Check scheme, host, port and path of the endpoint in XMPP_SERVERS. Usual paths are /http-bind and /bosh. Does the endpoint serve this domain?'
}

const trialAdvice: Partial<Record<ProblemCode, string>> = {
  'missing-parameter':
    'Enter a JID and a password, or set XMPP_SERVICE_ACCOUNTS, XMPP_LOGIN_KEYS_FILE or a certificate.',
  'domain-not-allowed': 'Add the domain to XMPP_DOMAINS.',
  'not-authorized': 'Check the user name and the password. See the log of the XMPP server.',
  'host-unknown': `Does the XMPP server serve this domain, and does DNS resolve to it? ${howToName}.`,
  'remote-connection-failed': `Does the XMPP server run, and does it accept clients at this address and port? A firewall, or TLS at a plain port, has the same effect. ${howToName}.`,
  'tls-unavailable':
    'Give the XMPP server a certificate, so that it offers STARTTLS. For a link within this machine, you can add ?tls=none to its address in XMPP_SERVERS.',
  timeout: `Does the XMPP server answer at this address, or does a firewall drop packets? ${howToName}.`,
}

const ends = 'Sessions end with their link, and at a restart.'

const texts: Readonly<Record<StreamManagement, string>> = {
  resumable: 'yes. Broken links are mended, and sessions survive a restart.',
  'not-resumable': `yes, but this stream cannot be resumed. ${ends} Logins by PLAIN and ANONYMOUS cannot be repeated. For other logins, allow resumption at the server.`,
  unanswered: `the server offers it, but did not answer within ${answerMilliseconds / 1000} s.`,
  'not-offered': `no. ${ends} Load the module smacks (Prosody) or mod_stream_mgmt (ejabberd).`,
  off: `off, by sm=off in XMPP_SERVERS. ${ends}`,
}

function sayManagement(management: StreamManagement | undefined, domain: string, config: Config): string {
  if (remoteOf(config, domain) !== undefined) return `not over a BOSH endpoint. ${ends}`
  if (management === undefined) return 'unknown: the session ended at once.'
  if (management === 'not-resumable' && config.linkResumeTime === 0) return `yes, but LINK_RESUME_TIME is 0. ${ends}`
  if (management === 'resumable' && config.state === undefined && config.redis === undefined)
    return 'yes. Broken links are mended. If you set STATE_DIR, sessions also survive a restart.'
  return texts[management]
}
