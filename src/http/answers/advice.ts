import { type ProblemCode, problems } from '../../lib/errors.js'

export const advice: Readonly<Record<ProblemCode, string>> = {
  'missing-parameter': 'Add it, and send the call again.',
  'invalid-parameter': 'Change it, and send the call again.',
  'invalid-jid': 'Write it like alice@example.org, or alice@example.org/desk to ask for that resource.',
  'invalid-body': 'Send a form or a JSON object, in UTF-8.',
  unauthorized: 'Send HTTP Basic (RFC 7617) with a name and its secret from ADMIN_USERS or ADMIN_USERS_FILE.',
  'invalid-token':
    'If it has expired, get a new token. Otherwise correct how the portal makes tokens: see detail. For visitors without a token, have an operator set PAGE_GUESTS.',
  forbidden: 'Use an account for that domain, or have an operator add the domain in ADMIN_USERS_FILE.',
  'role-forbidden':
    'Use an account with role=all, or have an operator change the role: warm for backends, read to see sessions only.',
  'address-forbidden': 'Call from an allowed address, or have an operator allow this address.',
  'insecure-channel':
    'Call over TLS or a loopback address. Behind a proxy that ends TLS, have an operator set TRUSTED_PROXIES or ASSUME_SECURE.',
  'client-certificate-required':
    'Call the https port of this service directly, with a client certificate of TLS_CLIENT_CA.',
  'cross-site-request':
    'Programs that call /warm: omit Origin and Sec-Fetch-Site. Forms: reload the form, and send it again. Pages: call /connect, from an origin of PAGE_ORIGINS.',
  'domain-not-allowed': 'Check the spelling of the domain, or have an operator add it.',
  'address-not-allowed': 'Have an operator name the server in XMPP_SERVERS.',
  'not-authorized': 'Check the spelling, and whether the account exists. Too many attempts may lock the account.',
  'account-disabled': 'Have the account enabled at the XMPP server.',
  'credentials-expired':
    'Ask the user for the password, or get a new token. Change an expired password at the XMPP server.',
  'authzid-refused':
    'At the XMPP server, create an account for the user, and allow the service account to act for users.',
  'not-found': 'Check the path: /openapi.json lists all paths.',
  'session-not-found': 'Log the user in again.',
  'method-not-allowed': 'Use a method that the header Allow lists.',
  conflict: 'Request another resource after the slash of the JID, or none.',
  'cannot-remember': 'The detail has the cause. To log in anyway, call without remember.',
  'not-here': 'Control it at the other endpoint, or log the user in again.',
  'body-too-large': 'Send less.',
  'unsupported-media-type': 'Send application/x-www-form-urlencoded or application/json, in UTF-8 and not compressed.',
  'misdirected-request': 'Use an address of the service, or have an operator add this address.',
  'too-many-requests': 'Wait for the time in Retry-After, and try again.',
  'internal-error': 'Give the operator the id of the request. The log has the cause.',
  'host-unknown': 'Check the spelling of the domain. Its DNS records or XMPP_SERVERS must name its server.',
  'remote-connection-failed':
    'Try again. If it fails again, check that the server runs and is reachable from here: see XMPP_SERVERS, HTTPS_PROXY, DNS and firewalls.',
  'tls-unavailable':
    'Enable STARTTLS at the XMPP server. In a network that you trust, you can set tls=none in XMPP_SERVERS.',
  'certificate-invalid':
    'The detail has the cause: renew or replace the certificate. If only its CA is unknown, trust it with ca= in XMPP_SERVERS.',
  'remote-protocol-error':
    'Check the address in XMPP_SERVERS: the client port of a server, usually 5222, or the path of a BOSH endpoint.',
  'remote-stream-error': 'Try again. If it fails again, see the log of the XMPP server.',
  'no-mechanism':
    'Enable a mechanism that the login needs at the XMPP server. For passwords, XMPP_MECHANISMS can allow more. For guests, XMPP_SERVICE_ACCOUNTS can replace ANONYMOUS.',
  'server-not-authentic': 'Do not retry until you know which server answers: it may be an impostor.',
  'login-failed': 'See the detail, and the log of the XMPP server.',
  'bind-refused': 'Request another resource after the slash of the JID, or none.',
  'jid-mismatch': 'Check which users the account, token or certificate may log in.',
  'temporary-auth-failure': 'Try again later.',
  'local-ports-exhausted':
    'Try again later. Have an operator widen net.ipv4.ip_local_port_range, or add another machine.',
  'service-full': 'Try again later. If this happens often, have an operator raise the limit.',
  'too-many-sessions': 'Try again later, or end sessions of this user. An operator can raise MAX_SESSIONS_PER_JID.',
  'session-unreachable': 'Try again in a moment. The process then answers, or its sessions have ended.',
  'store-unavailable': 'Try again in a few seconds. If it fails again, see the log, and REDIS_URL.',
  'keys-unavailable':
    'Try again in a few seconds. If it fails again, see the log, and PAGE_TOKEN_JWKS or PAGE_TOKEN_ISSUER.',
  'shutting-down': 'Try again in a moment.',
  timeout: 'Try again. If it fails again, check that the XMPP server answers in time.',
}

type OnPages = { readonly [Code in ProblemCode]?: string }

const onPages: OnPages = {
  'missing-parameter': 'Go back, and add it.',
  'invalid-parameter': 'Go back, and change it.',
  'invalid-jid': 'Go back, and write it like alice@example.org.',
  'invalid-body': 'Reload the form, and send it again.',
  unauthorized: 'This page is for admins. Enter a name and its secret.',
  forbidden: 'Sign in with an account for this domain, or ask an operator to add the domain to your account.',
  'role-forbidden': 'Sign in with another account, or ask an operator to change the role of your account.',
  'insecure-channel': 'Open this page at its https address.',
  'cross-site-request': 'Reload the form, and send it again.',
  'not-found': 'Check the address, or start at the front page.',
  'session-not-found': 'Look for it in the list of sessions, or log the user in again.',
  'method-not-allowed': 'Go back, and use the form or link there. A program must use an allowed method.',
  'unsupported-media-type': 'Reload the form, and send it again.',
  'too-many-requests': 'Wait, and try again.',
  'internal-error': 'Try again. If it fails again, send the id of the request to the operator.',
}

export const pageAdvice: Readonly<Record<ProblemCode, string>> = { ...advice, ...onPages }

const headlines: OnPages = {
  'missing-parameter': 'Something is missing in the address or form',
  'invalid-parameter': 'The address or form has a mistake',
  unauthorized: 'Sign in',
  forbidden: 'Your account has no access to this domain',
  'role-forbidden': 'Your account may not do this',
  'insecure-channel': 'This page needs an encrypted connection',
  'cross-site-request': 'The form is too old, or from another site',
  'method-not-allowed': 'This address is for programs',
  'too-many-requests': 'Too many attempts',
  'service-full': 'The service is full',
}

export function headlineOf(code: ProblemCode): readonly [headline: string, rest: string] {
  const own = headlines[code]
  if (own !== undefined) return [own, '']
  const { sentence } = problems[code]
  const end = sentence.search(/[.:]|$/)
  const rest = sentence.slice(end + 1).trimStart()
  return [sentence.slice(0, end), rest.charAt(0).toUpperCase() + rest.slice(1)]
}
