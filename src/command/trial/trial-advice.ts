import type { ProblemCode } from '../../lib/errors.js'

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
