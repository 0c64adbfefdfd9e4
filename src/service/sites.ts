import type { RequestListener } from 'node:http'
import { ForwardedRequests } from '../browsers/bosh/forwarded-requests.js'
import { closeCodes } from '../browsers/websocket/socket-channel.js'
import type { Config, HostEntry } from '../config/config.js'
import { configOfHost } from '../config/serving.js'
import { clientAddress } from '../http/access/client-rules.js'
import { answerInText } from '../http/answers/node-answers.js'
import type { Routes } from '../http/listening/dispatch.js'
import { problems } from '../lib/errors.js'
import type { SessionRecord } from '../session/session-record.js'
import { managementFrom } from '../warm/warming/session-login.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { askedHost, createMisdirectedApp } from './app.js'
import { createSite, type Parts, type SiteParts } from './site.js'

export type Sites = ReturnType<typeof createSites>

export function createSites(first: Config, shared: SiteParts) {
  const { whereabouts } = shared
  const forwardedRequests =
    whereabouts &&
    new ForwardedRequests({
      transport: shared.sessionParts.transport,
      whereabouts,
      config: () => newest.config,
    })
  const starting: Parts['starting'] = new Set()
  const build = (config: Config) => {
    const parts: Parts = { shared, forwardedRequests, starting, sessions: [] }
    return { config, routes: createRoutes(config, parts), sessions: parts.sessions }
  }
  let newest = build(first)
  return {
    get routes() {
      return newest.routes
    },
    rebuild(config: Config): void {
      newest = build(config)
    },
    shutDown(): void {
      for (const start of starting) start.refuse('system-shutdown', closeCodes.goingAway)
    },
    takeUp(before: SessionRecord): boolean {
      const { login, mend } = shared.sessionParts
      const own = newest.sessions.find(({ domains }) => allowsDomain(domains, before.domain))
      const management = mend && managementFrom(login, mend, before.link.again)
      const isTaken =
        own !== undefined &&
        management !== undefined &&
        own.opener.takeUp(before, session => own.manager.takeUp(session, before.client), management)
      if (!isTaken) {
        management?.mending?.wipe()
        // The earlier process sent no event about the end.
        shared.tellEvent?.('session.ended', before, 'shutdown')
      }
      return isTaken
    },
  }
}

function createRoutes(config: Config, parts: Parts) {
  const { hosts, defaultHost } = config.http
  const sites = new Map([...hosts].map(([name, own]) => [name, createHost(config, own, parts)]))
  const usual = defaultHost === undefined ? undefined : sites.get(defaultHost)
  const all = () => createSite({ bosh: [config], apis: [config], websocket: [config], pages: config }, parts)
  const otherHosts = defaultHost === 'none' ? refusal(config, parts) : (usual ?? all())
  return { hosts: sites, otherHosts }
}

function createHost(config: Config, hosts: readonly HostEntry[], parts: Parts): Routes {
  const own = new Map(hosts.map(host => [host, configOfHost(config, [host])]))
  const sharing = (pathOf: (host: HostEntry) => string | undefined) =>
    [...new Set(hosts.map(pathOf))].map(path => {
      const [first, ...others] = hosts.filter(host => pathOf(host) === path)
      return others.length === 0 ? own.get(first!)! : configOfHost(config, [first!, ...others])
    })
  const configs = {
    bosh: [...own.values()],
    apis: sharing(({ warmPath }) => warmPath),
    websocket: sharing(({ websocketPath }) => websocketPath),
    pages: sharing(() => undefined)[0]!,
  }
  return createSite(configs, parts)
}

/** Rejects requests with 421 (RFC 9110 §15.5.20). */
function refusal(config: Config, { shared }: Parts): Routes {
  const { noteBoshRefusal } = shared.sessionParts
  const refuseBosh: RequestListener = (req, res) => {
    const host = askedHost(req)
    noteBoshRefusal('host', clientAddress(req, config), 'HTTP_HOSTS', host)
    const { sentence } = problems['misdirected-request']
    answerInText(res, 421, host ? `${sentence} It is ${host}.` : sentence)
  }
  const rest = createMisdirectedApp({ config, answering: shared.answering })
  return { paths: new Map([[config.boshPath, refuseBosh]]), below: [], rest }
}
