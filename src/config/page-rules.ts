import { allowsDomain } from '../xmpp/jid/domains.js'
import { secureUrl } from './kinds/kinds.js'
import type { Values } from './settings.js'

export const hasPages = ({ PAGE_ORIGINS }: Pick<Values, 'PAGE_ORIGINS'>) => PAGE_ORIGINS.length > 0

const ofTokens = [
  'PAGE_TOKEN_SECRET_FILE',
  'PAGE_TOKEN_JWKS',
  'PAGE_TOKEN_ISSUER',
  'PAGE_TOKEN_AUDIENCE',
  'PAGE_TOKEN_JID',
] as const

/** With PAGE_GUESTS, pages need no tokens. */
const needsTokens = (set: Values) => set.PAGE_GUESTS === undefined || ofTokens.some(name => set[name] !== undefined)

const rules: Readonly<Record<string, (set: Values) => boolean>> = {
  'PAGE_TOKEN_SECRET_FILE is required for PAGE_ORIGINS, or PAGE_TOKEN_JWKS, or the PAGE_TOKEN_ISSUER of an OpenID provider: name the keys that verify tokens':
    set => needsTokens(set) && !hasKeys(set) && set.PAGE_TOKEN_ISSUER === undefined,
  'PAGE_TOKEN_SECRET_FILE and PAGE_TOKEN_JWKS are both set: keep one of the two': set =>
    set.PAGE_TOKEN_SECRET_FILE !== undefined && set.PAGE_TOKEN_JWKS !== undefined,
  'PAGE_TOKEN_AUDIENCE is required for PAGE_ORIGINS, or client_id or azp in PAGE_TOKEN_CLAIMS (for own keys: any claim): otherwise tokens of other apps are accepted. Name the aud of your tokens':
    set => needsTokens(set) && set.PAGE_TOKEN_AUDIENCE === undefined && !namesApp(set),
  'PAGE_TOKEN_ISSUER is required for PAGE_TOKEN_JWKS: name the iss of its tokens': ({
    PAGE_TOKEN_JWKS: keys,
    PAGE_TOKEN_ISSUER: issuers,
  }) => keys !== undefined && issuers === undefined && !isPem(keys),
  'PAGE_TOKEN_ISSUER must be an https URL, or several, if it names the keys: otherwise set PAGE_TOKEN_JWKS': set =>
    !hasKeys(set) && set.PAGE_TOKEN_ISSUER?.some(issuer => secureUrl(issuer, () => undefined) === undefined) === true,
  'PAGE_TOKEN_JID is required for PAGE_ORIGINS: write for example {sub}@example.org': set =>
    needsTokens(set) && set.PAGE_TOKEN_JID === undefined,
  'PAGE_TOKEN_JID must have a domain that XMPP_DOMAINS allows': set => {
    const domain = set.PAGE_TOKEN_JID?.domain
    return domain !== undefined && !allowsDomain(set.XMPP_DOMAINS, domain)
  },
  'PAGE_TOKEN_NAME needs XMPP_CREATE_ACCOUNTS: names are written into new accounts only': set =>
    set.PAGE_TOKEN_NAME !== undefined && set.XMPP_CREATE_ACCOUNTS.size === 0,
  'PAGE_GUESTS must be a domain that XMPP_DOMAINS allows': set =>
    set.PAGE_GUESTS !== undefined && !allowsDomain(set.XMPP_DOMAINS, set.PAGE_GUESTS),
  'PAGE_ADMIN must be an account in ADMIN_USERS or ADMIN_USERS_FILE': set =>
    set.PAGE_ADMIN !== undefined &&
    ![...set.ADMIN_USERS, ...set.ADMIN_USERS_FILE].some(({ name }) => name === set.PAGE_ADMIN),
  'PAGE_ADMIN is an account with role=read, which may not log users in': set =>
    [...set.ADMIN_USERS, ...set.ADMIN_USERS_FILE].some(({ name, role }) => name === set.PAGE_ADMIN && role === 'read'),
  'PAGE_TOKEN_LOGIN=credential needs SEAL_KEY_FILE, and PAGE_ADMIN: credentials belong to an admin': set =>
    set.PAGE_TOKEN_LOGIN === 'credential' && (set.SEAL_KEY_FILE === undefined || set.PAGE_ADMIN === undefined),
  'PAGE_TOKEN_LOGIN=service needs an account in XMPP_SERVICE_ACCOUNTS, a key in XMPP_LOGIN_KEYS_FILE, or a certificate in XMPP_SERVERS, for the domain of PAGE_TOKEN_JID':
    set => set.PAGE_TOKEN_LOGIN === 'service' && set.PAGE_TOKEN_JID !== undefined && !hasService(set),
}

const hasKeys = (set: Values) => set.PAGE_TOKEN_SECRET_FILE !== undefined || set.PAGE_TOKEN_JWKS !== undefined

const isPem = (keys: Values['PAGE_TOKEN_JWKS']) => keys !== undefined && 'file' in keys && keys.isPem === true

/** A provider signs tokens for many apps, an own secret or key only tokens of the portal. */
function namesApp({ PAGE_TOKEN_CLAIMS: claims, PAGE_TOKEN_SECRET_FILE: secrets, PAGE_TOKEN_JWKS: keys }: Values) {
  const isOwn = secrets !== undefined || isPem(keys)
  return claims.has('client_id') || claims.has('azp') || (isOwn && claims.size > 0)
}

export const pageFaults = Object.fromEntries(
  Object.entries(rules).map(([problem, rule]) => [problem, (set: Values) => hasPages(set) && rule(set)] as const),
)

function hasService(set: Values) {
  const domain = set.PAGE_TOKEN_JID?.domain
  const named = [set.XMPP_SERVICE_ACCOUNTS, set.XMPP_SERVICE_ACCOUNTS_FILE, set.XMPP_LOGIN_KEYS_FILE]
  const { servers } = set.XMPP_SERVERS
  const certified = [...servers].filter(([, { certificate }]) => certificate !== undefined).map(([name]) => name)
  return [...named.flatMap(map => [...map.keys()]), ...certified].some(
    name => domain === undefined || name === '*' || name === domain,
  )
}
