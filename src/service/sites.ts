import type { RequestListener } from 'node:http'
import { createCarriedRequests } from '../browsers/bosh/carried-requests.js'
import { createForwardedRequests } from '../browsers/bosh/forwarded-requests.js'
import { CarriedSockets } from '../browsers/websocket/carried-sockets.js'
import type { Config, HostEntry } from '../config/config.js'
import { configOfHost } from '../config/serving.js'
import { clientAddress } from '../http/access/client-rules.js'
import { answerInText } from '../http/answers/node-answers.js'
import type { Routes } from '../http/listening/dispatch.js'
import { problems } from '../lib/errors.js'
import { MinuteSums } from '../lib/limits/minute-sums.js'
import { boshRefused, refusalLog } from '../lib/limits/refusal-log.js'
import type { SessionRecord } from '../session/session-record.js'
import { createCarriedLogins } from '../warm/warming/carried-logins.js'
import { managementFrom } from '../warm/warming/session-login.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { askedHost, createMisdirectedApp } from './app.js'
import { type Built, createSite, type Parts, type SiteParts } from './site.js'

export type Sites = ReturnType<typeof createSites>

export function createSites(first: Config, shared: SiteParts) {
  const { nodes } = shared
  const { registry, clock, refused, endUnclaimed } = shared.sessionParts
  const carriedSockets = nodes && new CarriedSockets(nodes)
  const isDraining = () => registry.isDraining
  const carriedRequests = nodes && createCarriedRequests(nodes, clock, isDraining, refused)
  let { serviceAccounts } = first
  const carriedLogins =
    nodes &&
    createCarriedLogins({
      nodes,
      clock,
      isDraining,
      serviceAccounts: () => serviceAccounts,
      timeout: first.warm.timeout,
      endUnclaimed,
    })
  const { whereabouts } = shared
  const forwardedRequests = whereabouts && createForwardedRequests({ whereabouts, clock, isDraining })
  const carried = { shared, carriedSockets, carriedRequests, carriedLogins, forwardedRequests }
  let newest = buildSites(first, carried)
  let before: Built | undefined
  return {
    get routes() {
      return newest.routes
    },
    rebuild(config: Config): void {
      before?.sums.close()
      before = newest
      serviceAccounts = config.serviceAccounts
      newest = buildSites(config, carried)
      // Processes with the earlier settings still use earlier names.
      const names = new Set([...before.names, ...newest.names])
      for (const one of [carriedSockets, carriedRequests, carriedLogins]) one?.keep(names)
    },
    shutDown(): void {
      for (const endpoint of [...(before?.endpoints ?? []), ...newest.endpoints]) endpoint.shutDown()
      carriedSockets?.shutDown()
    },
    close(): void {
      before?.sums.close()
      newest.sums.close()
    },
    hurry: () => carriedRequests?.hurry(),
    hasCarriedRequests: () => carriedRequests?.areUnderWay === true,
    hasCarriedLogins: () => carriedLogins?.areUnderWay === true,
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

function buildSites(config: Config, carried: Omit<Parts, 'sums'>) {
  const { hosts, defaultHost, strictHost } = config.http
  const sums = new MinuteSums(carried.shared.sessionParts.clock)
  const parts: Parts = {
    shared: carried.shared,
    carriedSockets: carried.carriedSockets,
    carriedRequests: carried.carriedRequests,
    carriedLogins: carried.carriedLogins,
    forwardedRequests: carried.forwardedRequests,
    sums,
  }
  const built: Built = { endpoints: [], sessions: [], names: new Set(), sums }
  const host = (own: readonly HostEntry[]) => createHost(config, own, parts, built)
  const sites = new Map([...hosts].map(([name, own]) => [name, host(own)]))
  const usual = defaultHost === undefined ? undefined : sites.get(defaultHost)
  const all = () => createSite({ bosh: [config], apis: [config], websocket: [config], pages: config }, parts, built)
  const otherHosts = usual ?? (strictHost ? refusal(config, parts) : all())
  return { ...built, routes: { hosts: sites, otherHosts } }
}

function createHost(config: Config, hosts: readonly HostEntry[], parts: Parts, built: Built): Routes {
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
  return createSite(configs, parts, built)
}

/** Rejects requests with 421 (RFC 9110 §15.5.20). */
function refusal(config: Config, { shared, sums }: Parts): Routes {
  const { logFor, counts, clock } = shared.sessionParts
  const note = refusalLog(clock, logFor('bosh'), boshRefused)
  const refuseBosh: RequestListener = (req, res) => {
    const host = askedHost(req)
    note('host', clientAddress(req, config), 'HTTP_HOSTS', host)
    const { sentence } = problems['misdirected-request']
    answerInText(res, 421, host ? `${sentence} It is ${host}.` : sentence)
  }
  const rest = createMisdirectedApp({ config, log: logFor('http'), counts, sums })
  return { paths: new Map([[config.boshPath, refuseBosh]]), below: [], rest }
}
