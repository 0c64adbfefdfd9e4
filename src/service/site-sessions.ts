import type { CookieRules } from '../browsers/bosh/attach-cookie.js'
import { createConnectionManager } from '../browsers/bosh/connection-manager.js'
import type { Config } from '../config/config.js'
import { pathOf, urlOfDomain } from '../config/serving.js'
import { homePath } from '../http/addresses.js'
import { Opener, type OpenerParts } from '../session/opener.js'
import type { Open } from '../session/session-types.js'
import { createLogins } from '../warm/warming/session-login.js'
import type { SessionParts } from './session-parts.js'

export function createSessions(config: Config, parts: SessionParts, tellEvent?: OpenerParts['tellEvent']) {
  const { common, transport, noteBoshRefusal } = parts
  const opener = new Opener({ common, config, tellEvent })
  const manager = createConnectionManager({
    common,
    bodies: transport.bodies,
    config,
    opener,
    noteRefusal: noteBoshRefusal,
    cookies: domain => cookieRules(config, domain),
  })
  const openHere = opener.forLogins(manager.makePageClient)
  const open: Open = (domain, wish, events) => parts.openThere(domain, wish, events) ?? openHere(domain, wish, events)
  const logins = createLogins(parts.login, open, parts.accounts, parts.mend)
  return { domains: config.domains, opener, manager, logins }
}

function cookieRules(config: Config, domain: string): CookieRules {
  const { externalUrl, assumeSecure } = config
  const url = urlOfDomain(config, domain)
  return {
    path: url === undefined ? homePath(externalUrl) + pathOf(config, domain) : new URL(url).pathname,
    secure: assumeSecure || (url ?? externalUrl)?.startsWith('https:') === true,
  }
}
