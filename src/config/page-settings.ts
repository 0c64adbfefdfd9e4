import { allowsDomain } from '../xmpp/jid/domains.js'
import type { Values } from './settings.js'

export const hasPages = ({ PAGE_ORIGINS }: Pick<Values, 'PAGE_ORIGINS'>) => PAGE_ORIGINS.length > 0

const rules: Readonly<Record<string, (set: Values) => boolean>> = {
  'PAGE_TOKEN_SECRET_FILE is required for PAGE_ORIGINS, or PAGE_TOKEN_JWKS: name the keys that verify tokens': set =>
    set.PAGE_TOKEN_SECRET_FILE === undefined && set.PAGE_TOKEN_JWKS === undefined,
  'PAGE_TOKEN_SECRET_FILE and PAGE_TOKEN_JWKS are both set: keep one of the two': set =>
    set.PAGE_TOKEN_SECRET_FILE !== undefined && set.PAGE_TOKEN_JWKS !== undefined,
  'PAGE_TOKEN_AUDIENCE is required for PAGE_ORIGINS: name this service as the aud of its tokens': set =>
    set.PAGE_TOKEN_AUDIENCE === undefined,
  'PAGE_TOKEN_ISSUER is required for PAGE_TOKEN_JWKS: name the iss of its tokens': set =>
    set.PAGE_TOKEN_JWKS !== undefined && set.PAGE_TOKEN_ISSUER === undefined,
  'PAGE_TOKEN_JID is required for PAGE_ORIGINS: write for example {sub}@example.org': set =>
    set.PAGE_TOKEN_JID === undefined,
  'PAGE_TOKEN_JID must have a domain that XMPP_DOMAINS allows': set => {
    const domain = set.PAGE_TOKEN_JID?.domain
    return domain !== undefined && !allowsDomain(set.XMPP_DOMAINS, domain)
  },
  'PAGE_ADMIN must be an account in ADMIN_USERS or ADMIN_USERS_FILE': set =>
    set.PAGE_ADMIN !== undefined &&
    ![...set.ADMIN_USERS, ...set.ADMIN_USERS_FILE].some(({ name }) => name === set.PAGE_ADMIN),
  'PAGE_ADMIN is an account with role=read, which may not log users in': set =>
    [...set.ADMIN_USERS, ...set.ADMIN_USERS_FILE].some(({ name, role }) => name === set.PAGE_ADMIN && role === 'read'),
  'PAGE_TOKEN_LOGIN=credential needs SEAL_KEY_FILE, and PAGE_ADMIN: credentials belong to an admin': set =>
    set.PAGE_TOKEN_LOGIN === 'credential' && (set.SEAL_KEY_FILE === undefined || set.PAGE_ADMIN === undefined),
  'PAGE_TOKEN_LOGIN=service needs an account in XMPP_SERVICE_ACCOUNTS, or a certificate in XMPP_SERVERS, for the domain of PAGE_TOKEN_JID':
    set => set.PAGE_TOKEN_LOGIN === 'service' && set.PAGE_TOKEN_JID !== undefined && !hasService(set),
}

export const pageFaults = Object.fromEntries(
  Object.entries(rules).map(([problem, rule]) => [problem, (set: Values) => hasPages(set) && rule(set)] as const),
)

function hasService({ PAGE_TOKEN_JID, XMPP_SERVICE_ACCOUNTS, XMPP_SERVICE_ACCOUNTS_FILE, XMPP_SERVERS }: Values) {
  const domain = PAGE_TOKEN_JID?.domain
  const accounts = [...XMPP_SERVICE_ACCOUNTS.keys(), ...XMPP_SERVICE_ACCOUNTS_FILE.keys()]
  const { servers } = XMPP_SERVERS
  const certified = [...servers].filter(([, { certificate }]) => certificate !== undefined).map(([name]) => name)
  return [...accounts, ...certified].some(name => domain === undefined || name === '*' || name === domain)
}
