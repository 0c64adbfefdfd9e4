export const steps = ['resolve', 'connect', 'tls', 'features', 'sasl', 'bind'] as const

export type Step = (typeof steps)[number]

const problemsByStatus = {
  400: {
    'missing-parameter': 'A required parameter is missing or empty.',
    'invalid-parameter': 'A parameter is repeated or misspelt, or its value is not allowed.',
    'invalid-jid': 'The jid is not a valid bare or full JID.',
    'invalid-body': 'The request body cannot be read in the format it announces.',
  },
  401: {
    unauthorized: 'The admin credentials are missing or wrong.',
    'invalid-token': 'The token of the page is missing, wrong or expired.',
  },
  403: {
    forbidden: 'This admin may neither warm nor control sessions of that domain.',
    'role-forbidden': 'The role of this admin does not include this call.',
    'address-forbidden': 'Calls from this address are not allowed: see WARM_ALLOW, or BOSH_ALLOW for pages.',
    'insecure-channel': 'Passwords are not accepted over an unencrypted channel: see ASSUME_SECURE.',
    'client-certificate-required': 'The warm API needs a client certificate: see TLS_CLIENT_AUTH.',
    'cross-site-request': 'The page or form is of another site, or the token of the form is missing or expired.',
    'domain-not-allowed': 'The domain of this JID is not served here: see XMPP_DOMAINS and HTTP_HOSTS.',
    'address-not-allowed': 'The server is in a private network or on this machine, which XMPP_DOMAINS=* excludes.',
    'not-authorized': 'The XMPP server refused the user name, the password or the token.',
    'account-disabled': 'The XMPP server says that the account is disabled.',
    'credentials-expired': 'The credentials are expired or no longer valid.',
    'authzid-refused': 'The XMPP server does not let this account log in as that user, or the user has no account.',
  },
  404: {
    'not-found': 'There is nothing at this address.',
    'session-not-found': 'There is no such session, or it has ended.',
  },
  405: { 'method-not-allowed': 'This address does not accept this method.' },
  409: {
    conflict: 'Another session has the requested resource, and the XMPP server does not end it.',
    'cannot-remember': 'The service cannot make a credential for this user. Call without `remember`.',
    'not-here': 'The session cannot be controlled here: its browser uses another endpoint.',
  },
  413: { 'body-too-large': 'The request body is too large.' },
  415: { 'unsupported-media-type': 'The request body must be a form or JSON.' },
  421: {
    'misdirected-request': 'This service does not serve the host of this request: see HTTP_HOSTS.',
  },
  429: {
    'too-many-requests': 'Too many attempts: retry after the time in Retry-After.',
  },
  500: { 'internal-error': 'The service failed. The log has the details.' },
  502: {
    'host-unknown': 'No XMPP server was found for the domain, or the server does not serve it.',
    'remote-connection-failed': 'The XMPP server cannot be reached, or closed the connection.',
    'tls-unavailable': 'The XMPP server offers no encryption, but the link requires it.',
    'certificate-invalid': "The XMPP server's certificate is not trusted, or does not name the domain.",
    'remote-protocol-error': 'The XMPP server sent something that is not XMPP.',
    'remote-stream-error': 'The XMPP server ended the stream with an error.',
    'no-mechanism': 'The XMPP server offers no login mechanism that is allowed on this link.',
    'server-not-authentic': 'The XMPP server could not prove that it knows the password.',
    'login-failed': 'The XMPP server aborted the login, or sent an unexpected answer.',
    'bind-refused': 'The XMPP server refused to bind the resource.',
    'jid-mismatch': 'The XMPP server bound the session to another user than requested.',
  },
  503: {
    'temporary-auth-failure': 'The XMPP server cannot check credentials at the moment.',
    'local-ports-exhausted': 'No local port is free for a link to the XMPP server.',
    'service-full': 'The service is full: no more sessions, requests, memory or descriptors.',
    'too-many-sessions': 'The user has too many sessions: resume or end some.',
    'session-unreachable': 'The process that has this session does not answer at the moment.',
    'store-unavailable': 'The store that the processes share is unavailable: try again in a few seconds.',
    'keys-unavailable': 'The keys for tokens of pages cannot be fetched at the moment.',
    'shutting-down': 'The service is stopping.',
  },
  504: { timeout: 'The XMPP server did not finish the login in time.' },
} as const

type ByStatus = typeof problemsByStatus

export type ProblemCode = { [Status in keyof ByStatus]: keyof ByStatus[Status] }[keyof ByStatus]

/** Temporary, as all errors with the status 429, 503 or 504 are. */
const passing: ReadonlySet<string> = new Set<ProblemCode>(['remote-connection-failed', 'remote-stream-error'])

/** Also temporary where the same login has succeeded before: what answers now is not the server, or not ready. */
const passingInRelogin: ReadonlySet<string> = new Set<ProblemCode>([
  'host-unknown',
  'tls-unavailable',
  'certificate-invalid',
  'remote-protocol-error',
  'no-mechanism',
  'login-failed',
])

interface ProblemRow {
  readonly status: number
  /** Callers can repeat the call. */
  readonly retry: boolean
  /** The service repeats the login of a broken link. */
  readonly retryRelogin: boolean
  readonly sentence: string
}

export const problems = Object.fromEntries(
  Object.entries(problemsByStatus).flatMap(([status, rows]) =>
    Object.entries(rows).map(([code, sentence]): [string, ProblemRow] => {
      const retry = /429|503|504/.test(status) || passing.has(code)
      return [code, { status: Number(status), retry, retryRelogin: retry || passingInRelogin.has(code), sentence }]
    }),
  ),
) as Readonly<Record<ProblemCode, ProblemRow>>

/** Only `quote` may contain a secret. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  declare readonly step: Step | undefined
  /** One of `conditions`, because other texts of a server could contain a password. */
  readonly condition: string | undefined
  /** Quote texts of callers and servers only through `foreignText`. */
  declare readonly detail: string | undefined
  /** Never logged: callers may put a secret in the wrong field. */
  declare readonly quote: string | undefined
  declare readonly parameter: { readonly name: string; readonly rule?: string } | undefined
  declare readonly retryAfterSeconds: number | undefined
  /** The setting that decides, for the log. */
  declare readonly setting: string | undefined
  /** Host and port of the XMPP server that refused. For admins only. */
  declare server: string | undefined

  constructor(
    readonly code: ProblemCode,
    about: Partial<Omit<Problem, keyof Error | 'code' | 'status'>> & ErrorOptions = {},
  ) {
    super(problems[code].sentence, about)
    Object.assign(this, about)
    this.status = problems[code].status
    this.condition = conditions.has(about.condition ?? '') ? about.condition : undefined
  }
}

/** Conditions that this service sends (XEP-0124 §17.2). */
export type Condition =
  | 'bad-request'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'item-not-found'
  | 'other-request'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'remote-stream-error'
  | 'see-other-uri'
  | 'system-shutdown'
  | 'undefined-condition'

/** Conditions of RFC 6120 §4.9.3, §6.5, §8.3.3, and of BOSH. */
const conditions: ReadonlySet<string> = new Set(
  `bad-format bad-namespace-prefix conflict connection-timeout host-gone host-unknown improper-addressing
  internal-server-error invalid-from invalid-namespace invalid-xml not-authorized not-well-formed policy-violation
  remote-connection-failed reset resource-constraint restricted-xml see-other-host system-shutdown
  undefined-condition unsupported-encoding unsupported-feature unsupported-stanza-type unsupported-version
  aborted account-disabled credentials-expired encryption-required incorrect-encoding invalid-authzid
  invalid-mechanism malformed-request mechanism-too-weak temporary-auth-failure
  bad-request feature-not-implemented forbidden gone item-not-found jid-malformed not-acceptable not-allowed
  payment-required recipient-unavailable redirect registration-required remote-server-not-found
  remote-server-timeout service-unavailable subscription-required unexpected-request
  other-request remote-stream-error see-other-uri`.split(/\s+/),
)

/** Another process may have room. */
export function isFull(error: unknown): boolean {
  return error instanceof Problem && (error.code === 'service-full' || error.code === 'local-ports-exhausted')
}
