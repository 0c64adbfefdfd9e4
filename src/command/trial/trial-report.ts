// The printed report of a trial login. It contains no secret.
import type { Config } from '../../config/config.js'
import { written } from '../../config/kinds/listen-addresses.js'
import { remoteOf } from '../../config/serving.js'
import type { ProblemCode } from '../../lib/errors.js'
import { type Problem, problems, type Step } from '../../lib/errors.js'
import { traceOf } from '../../lib/log.js'
import { CertificateFault } from '../../servers/net/certificate-fault.js'
import type { BindingObject } from '../../warm/answers.js'
import { withULabels } from '../../xmpp/jid/domains.js'

/** Facts about a login beside its outcome. */
export interface LoginNotes {
  /** With A-labels. */
  domain?: string
  mechanism?: string
  encrypted?: boolean
  /** In milliseconds. */
  ms?: number
}

export interface Trial {
  /** As typed. */
  readonly jid: string
  readonly config: Config
  readonly login: LoginNotes
}

/** Secret parts of a binding. */
const secrets: ReadonlySet<string> = new Set(['sid', 'rid', 'cookie'] satisfies (keyof BindingObject)[])

export function saySuccess(binding: BindingObject, { jid, config, login }: Trial): string {
  const { mechanism, encrypted, ms } = login
  const rows = Object.entries(binding)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name.padEnd(12)} ${shown(name, value)}`)
  return `${jid} can be logged in: POST ${config.warmPath} would answer with this session.

${rows.join('\n')}

Server: ${serverOf(login.domain!, config)}.
Login: ${mechanism} over a link that is ${encrypted ? '' : 'not '}encrypted, in ${ms} ms.

This was a trial: the session has been ended, and nothing stays logged in.
`
}

function shown(name: string, value: unknown): string {
  if (secrets.has(name)) return '(not shown)'
  if (name === 'websocket') return `${(value as { url: string }).url}, with a token that is not shown`
  return name === 'url' ? place(String(value)) : String(value)
}

/** Without EXTERNAL_URL, the page's own host. */
function place(url: string): string {
  return url.startsWith('/') ? `${url} (at the address that was called: EXTERNAL_URL is not set)` : url
}

const steps: Readonly<Record<Step, string>> = {
  resolve: 'finding the server',
  connect: 'connecting to the server',
  tls: 'encrypting the link',
  features: 'hearing what the server offers',
  sasl: 'proving who the user is',
  bind: 'binding a resource',
}

export function sayFailure(problem: Problem, { jid, config, login }: Trial): string {
  const { status, code, step, condition, detail, cause } = problem
  const { domain, mechanism } = login
  const certificate = cause instanceof CertificateFault ? cause.certificate : undefined
  const told = causeOf(cause)
  const facts = [
    step && `Step: ${step}, ${steps[step]}${step === 'sasl' && mechanism ? ` with ${mechanism}` : ''}.`,
    step && domain && `Server: ${serverOf(domain, config)}.`,
    certificate && `Certificate: ${certificate}.`,
    condition && `The server's own word: ${condition}.`,
    told && `The system's own word: ${told}.`,
    trialAdvice[code] && `What to do: ${trialAdvice[code]}`,
    code === 'internal-error' && `Please report this: ${JSON.stringify(traceOf(cause))}`,
  ]
  return [
    `${jid} cannot be logged in: POST ${config.warmPath} would answer ${status} ${code}.`,
    [problems[code].sentence, detail].filter(Boolean).join(' '),
    facts.filter(Boolean).join('\n'),
    'This was a trial: nothing stays logged in. docs/errors.md has all codes.',
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** The system's error and address. */
function causeOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || cause instanceof CertificateFault) return undefined
  const { code, address, port } = cause as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code === undefined) return undefined
  return address === undefined || port === undefined ? code : `${code} at ${written({ host: address, port })}`
}

function serverOf(domain: string, config: Config): string {
  const remote = remoteOf(config, domain)
  const name = withULabels(domain)
  if (remote?.url !== undefined) return `the BOSH endpoint ${remote.url}, from XMPP_SERVERS`
  if (remote !== undefined) return `the BOSH endpoint in the host-meta of ${name}, as XMPP_SERVERS says`
  const server = config.servers.get(domain) ?? config.servers.get('*')
  if (server !== undefined) return `${written(server)}, from XMPP_SERVERS`
  return `as the DNS names it for ${name}, or else that host at port 5222`
}

const howToName = 'Name it in XMPP_SERVERS, as in example.org=xmpp://10.0.0.5:5222'
const lookAtLog = "The XMPP server's own log says more."

/** By code, if the problem itself gives no advice. */
export const trialAdvice: Partial<Record<ProblemCode, string>> = {
  'missing-parameter':
    'Give the JID, and the password too unless an account of XMPP_SERVICE_ACCOUNTS or a certificate stands in for it.',
  'invalid-jid': 'Write it as in alice@example.org.',
  'domain-not-allowed': 'Add the domain to XMPP_DOMAINS.',
  'address-not-allowed': `${howToName}.`,
  'not-authorized': `Is there such a user, with this password? ${lookAtLog}`,
  'account-disabled': 'Enable the account at the XMPP server.',
  'credentials-expired': 'Give the user a new password at the XMPP server.',
  'authzid-refused': 'Allow the account of XMPP_SERVICE_ACCOUNTS at the XMPP server to act for its users.',
  conflict: 'Ask for another resource, or for none: then the server chooses one.',
  'host-unknown': `Does the XMPP server serve this domain, and does the DNS lead to it? ${howToName}.`,
  'remote-connection-failed': `Does the XMPP server run, and does it take clients at that address and port? A firewall in between, or TLS at a port that wants none, looks the same. ${howToName}.`,
  'tls-unavailable':
    'Give the XMPP server a certificate, so that it offers STARTTLS. On a link within this machine, ?tls=none behind its address in XMPP_SERVERS goes without.',
  'remote-protocol-error':
    'Is that an XMPP server, and its port the one for clients? For a port with TLS from the start write xmpps:// in XMPP_SERVERS.',
  'remote-stream-error': lookAtLog,
  'server-not-authentic':
    'The server that answered may not be yours, or its accounts are damaged: set the password again, and look who answers at that address.',
  'login-failed': lookAtLog,
  'bind-refused': lookAtLog,
  'jid-mismatch': 'Look which user the XMPP server makes of this name.',
  'temporary-auth-failure': lookAtLog,
  timeout: `Does the XMPP server answer at that address, or does a firewall swallow what is sent there? ${howToName}.`,
}
