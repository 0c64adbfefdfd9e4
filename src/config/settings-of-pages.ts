import * as kinds from './kinds/kinds.js'
import {
  jidTemplate,
  nameTemplate,
  pageKeys,
  pageSecretsFile,
  requiredClaims,
  tokenNames,
} from './kinds/page-token-kinds.js'
import { at, live } from './setting.js'

/** A part of the table in `settings.ts`. */
export const settingsOfPages = {
  PAGE_ORIGINS: live('pages.origins', kinds.namedOrigins, '').means(
    'Comma-separated origins of pages that may log in with a token, such as `https://www.example.org`. See *Page tokens* in docs/api.md. Without this setting, PAGE_PATH answers 404.',
  ),
  PAGE_PATH: at('pagePath', kinds.path, '/connect').means(
    'Path where pages log in with a token. Addresses that may use BOSH or WebSocket may use this path.',
  ),
  PAGE_GUESTS: live('pages.guests', kinds.domain).means(
    'Domain of guests, such as `guests.example.org`: visitors of pages of PAGE_ORIGINS who have no token. See docs/guests.md.',
  ),
  PAGE_TOKEN_SECRET_FILE: live('pages.secrets', pageSecretsFile).means(
    'File with the secrets that sign HS256 tokens. Each line is a secret of at least 32 bytes.',
  ),
  PAGE_TOKEN_JWKS: live('pages.keys', pageKeys).means(
    'Instead of secrets: URL or file of public keys (JWKS), or a PEM file, for RS256, PS256, ES256 (also 384 and 512), EdDSA or Ed25519. Requires PAGE_TOKEN_ISSUER, except for PEM files.',
  ),
  PAGE_TOKEN_AUDIENCE: at('pages.audiences', tokenNames).means(
    'Audience (`aud`) that tokens must have. May be a list with commas.',
  ),
  PAGE_TOKEN_ISSUER: at('pages.issuers', tokenNames).means(
    'Issuer (`iss`) that tokens must have. May be a list with commas. Without secrets and PAGE_TOKEN_JWKS, the service asks each issuer where its keys are (OpenID Connect Discovery).',
  ),
  PAGE_TOKEN_CLAIMS: at('pages.claims', requiredClaims, '').means(
    'Comma-separated claims that tokens must have, such as `token_use=access`. A claim named twice must have one of the values. `%2C` stands for a comma. With `client_id=…` or `azp=…`, or for secrets and PEM files with any claim, PAGE_TOKEN_AUDIENCE is optional.',
  ),
  PAGE_TOKEN_JID: at('pages.jid', jidTemplate).means(
    'JID of the user, with a claim in braces, as in `{sub}@example.org`. With `{sub}` alone, the claim is the whole JID. With `{hex(sub)}@example.org`, the name is the claim in hexadecimal digits, for ids with capital letters.',
  ),
  PAGE_TOKEN_VISIT: at('pages.visit', kinds.text).means('Claim that names the visit. Default: `visit`, or else `sid`.'),
  PAGE_TOKEN_NAME: at('pages.name', nameTemplate).means(
    "Name for the vCard (XEP-0054) of an account that XMPP_CREATE_ACCOUNTS makes, with claims in braces, such as `{name}`. With `{name} <{email}>`, also the address. The user's contacts see it.",
  ),
  PAGE_TOKEN_IGNORE_CASE: at('pages.ignoreCase', kinds.boolean, 'off').means(
    'Accepts capital letters in the claim of PAGE_TOKEN_JID. JIDs have none, so `Alice` and `alice` become one user: set it only if they are one user in your portal.',
  ),
  PAGE_TOKEN_MAX_AGE: at('pages.maxAge', kinds.integer(60, 31_622_400), '86400').means(
    'Most seconds from now to the `exp` of a token.',
  ),
  PAGE_TOKEN_LOGIN: at('pages.login', kinds.word('service', 'token', 'password', 'credential'), 'service').means(
    'What logs the user in: the service account or certificate of the domain (`service`), the token by OAUTHBEARER (`token`), the token as a password (`password`), or the credential in the claim `credential` (`credential`).',
  ),
  PAGE_ADMIN: at('pages.admin', kinds.text).means(
    'Admin account for calls of pages. Its domains and limits apply. Only credentials of this account are valid. Default: `:pages`, an account for all domains.',
  ),
}
