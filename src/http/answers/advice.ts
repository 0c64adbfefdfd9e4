import type { ProblemCode } from '../../lib/errors.js'

export const advice: Readonly<Record<ProblemCode, string>> = {
  'missing-parameter': 'Give it, and send the call again.',
  'invalid-parameter': 'Change it, and send the call again.',
  'invalid-jid': 'Write it like alice@example.org, or like alice@example.org/desk to ask for that resource.',
  'invalid-body': 'Send a form or a JSON object, in UTF-8.',
  unauthorized: 'This address is for admins of the service. Load it again to be asked for name and secret.',
  forbidden:
    'Use an account for that domain, or have an operator add the domain to this one (ADMIN_USERS_FILE).',
  'address-forbidden': 'Call from an address that is allowed, or have an operator add this one.',
  'insecure-channel': 'Open the same page at its https address.',
  'cross-site-request': 'Open the page of this service that has the form, and send it from there.',
  'domain-not-allowed': 'Look for a slip in the domain. If there is none, have an operator add it.',
  'address-not-allowed': 'Have an operator name the server in XMPP_SERVERS.',
  'not-authorized':
    'Look for a slip, and whether the account exists. Too many attempts may lock the user out at the XMPP server.',
  'account-disabled': 'Have the account enabled at the XMPP server.',
  'credentials-expired': 'Set a new password at the XMPP server, or get a new token.',
  'authzid-refused':
    'Let the account act for others in the settings of the XMPP server, or log the user in directly.',
  'not-found': 'Look for a slip in the address, or begin at the front page.',
  'session-not-found': 'Look for it among all sessions, or log the user in again.',
  'method-not-allowed': 'Open the address in a browser, or see which methods the API has for it.',
  conflict: 'Ask for another resource behind the slash of the JID, or for none.',
  'not-here': 'Control it at that endpoint.',
  'body-too-large': 'Send less.',
  'unsupported-media-type':
    'Send application/x-www-form-urlencoded or application/json, in UTF-8 and not compressed.',
  'misdirected-request': 'Use an address under which the service is known, or have an operator add this one.',
  'too-many-requests': 'Wait for a minute, and try again.',
  'internal-error': 'Try again. If it fails once more, give the operator the id of the request.',
  'host-unknown':
    'Look for a slip in the domain. If there is none, its DNS records or XMPP_SERVERS have to name its server.',
  'remote-connection-failed':
    'See that the server runs and can be reached from here: XMPP_SERVERS, DNS and firewalls decide where and how.',
  'tls-unavailable':
    'Turn STARTTLS on at the XMPP server. Only in a network that you trust, write tls=none in XMPP_SERVERS instead.',
  'certificate-invalid': 'Renew the certificate, or name the CA that has signed it with ca= in XMPP_SERVERS.',
  'remote-protocol-error':
    "See that XMPP_SERVERS names the server's port for clients, which is usually 5222.",
  'remote-stream-error': 'Try again. If it fails once more, the log of the XMPP server says why.',
  'no-mechanism':
    'Allow one of those that it offers in XMPP_MECHANISMS, or turn another one on at the XMPP server.',
  'server-not-authentic':
    'Do not try again before it is clear which server answers there: it may be an impostor.',
  'login-failed': 'If no reason is given here, look into the log of the XMPP server, which says why.',
  'bind-refused': 'Ask for another resource behind the slash of the JID, or for none.',
  'jid-mismatch': 'See for which users the account, the token or the certificate is good at the XMPP server.',
  'temporary-auth-failure': 'Try again a little later.',
  'service-full':
    'Try again a little later. If this happens often, the log names the limit and the setting that an operator can raise.',
  'too-many-sessions':
    'End sessions of this user that are not needed, or have an operator raise MAX_SESSIONS_PER_JID.',
  'session-unreachable':
    'Try again in a moment: the process answers then, or it is gone and the session with it.',
  'shutting-down': 'Try again in a moment.',
  timeout: 'See that the XMPP server answers, and try again.',
}
