// What calls are answered with: sessions that were handed out, and what is known of sessions.
import type { Request } from 'express'
import type { Config } from '../config/config.js'
import { pathOf, urlOfDomain } from '../config/serving.js'
import { type EndpointUrls, endpointUrls, homePath } from '../http/addresses.js'
import { type Answer, jsonAnswer, pageAnswer } from '../http/answers/answer.js'
import { negotiate, type Representation } from '../http/answers/negotiation.js'
import { attachingPagePolicy } from '../http/answers/pages.js'
import { nodeIn } from '../processes/node-name.js'
import type { AttachBinding, SessionPage, SessionView } from '../session/sessions.js'
import { withULabels } from '../xmpp/jid/domains.js'
import { formatPlace } from './parameters.js'
import type { Binding } from './session-login.js'

/**
 * How a call of the warm API is answered. Without a preference in `Accept`, addresses that control sessions answer in
 * JSON, and calls for a binding in the format of their body.
 */
export function represent({ method, originalUrl, headers }: Request, warmPath: string): Representation {
  const controlsSessions = method !== 'POST' && originalUrl.startsWith(`${warmPath}/`)
  return controlsSessions ? negotiate(headers, 'json') : negotiate(headers)
}

/** What the answers depend on beside what they tell. */
export interface Asked {
  readonly request: Request
  readonly config: Config
}

/** The path of the warm API as browsers see it. */
export const pathForBrowsers = ({ externalUrl, warmPath }: Pick<Config, 'externalUrl' | 'warmPath'>) =>
  homePath(externalUrl) + warmPath

/**
 * A session for a page: in JSON everything that the page needs to attach; a page with the three values; for an admin who has
 * sent our form, a page that can attach as well. `reused` is there for calls that asked to reuse a session.
 */
export function bindingAnswer(
  binding: Binding,
  { request, config }: Asked,
  {
    domain,
    reused,
    isOurForm = false,
    isResumed = false,
  }: { domain: string; reused?: boolean | undefined; isOurForm?: boolean; isResumed?: boolean },
): Answer {
  const representation = represent(request, config.warmPath)
  if (representation === 'json')
    return jsonAnswer(describeBinding(binding, endpointUrls(config, domain, request), reused))
  const { jid, sid, rid, id, wait, hold, requests, expiresIn } = binding
  if (!isOurForm) return pageAnswer('binding', { jid, sid, rid }, representation)
  const form = pathForBrowsers(config)
  const url =
    binding.url ??
    urlOfDomain(config, domain) ??
    pageUrl(config.externalUrl, pathOf(config, domain), request.headers.host)
  // What another endpoint has cannot be looked at here.
  const session = binding.url === undefined ? `${form}/${id}` : undefined
  const title = isResumed ? 'Ready for another page' : 'Logged in'
  const home = homePath(config.externalUrl)
  const terms = { wait, hold, requests, expiresIn }
  const values = { title, isResumed, jid, sid, rid, ...terms, home, form, session, url }
  const { status, headers, body } = pageAnswer('bound', values, representation)
  return { status, headers: { ...headers, 'Content-Security-Policy': attachingPagePolicy(url) }, body }
}

/** A binding as JSON has it. */
export type BindingObject = ReturnType<typeof describeBinding>

/** What it says of the way over WebSocket. */
export type WebSocketObject = NonNullable<BindingObject['websocket']>

/** `urls` are the addresses of our own endpoints. */
export function describeBinding(binding: Binding, urls: EndpointUrls, reused?: boolean) {
  const { jid, sid, rid, id, token, expiresIn, cookie, delivered, received } = binding
  const resumed = delivered !== undefined
  const { wait, hold, requests, inactivity, polling, maxpause, ver } = binding
  const terms = { wait, hold, requests, inactivity, polling, maxpause, ver }
  const websocket =
    token === undefined ? undefined : { url: takeoverUrl(urls, id), token, expires_in: expiresIn }
  const url = binding.url ?? urls.bosh
  const before = { resumed, delivered, received: resumed ? received : undefined, reused }
  return { jid, sid, rid, id, ...terms, url, expires_in: expiresIn, websocket, cookie, ...before }
}

/** With the name of the process that has the session, where processes have names: not every page shows its token to the endpoint. */
function takeoverUrl({ websocket }: EndpointUrls, id: string): string {
  const node = nodeIn(id)
  return node === undefined ? websocket : `${websocket}?node=${node}`
}

/** Our BOSH endpoint for this page: its path alone where the page has the same host, whatever name a proxy calls us by. */
function pageUrl(externalUrl: string | undefined, boshPath: string, host: string | undefined): string {
  if (externalUrl === undefined) return boshPath
  const { host: externalHost, pathname } = new URL(externalUrl + boshPath)
  return externalHost === host?.toLowerCase() ? pathname : externalUrl + boshPath
}

/** A page has no place for a cookie that the backend is to pass on: the endpoint's first answer sets it then. */
export function attachBindingFor(representation: Representation, wanted: AttachBinding): AttachBinding {
  return wanted === 'reply' && representation !== 'json' ? 'cookie' : wanted
}

/** One session in JSON; `now` is in milliseconds of the clock. */
export const sessionAnswer = (view: SessionView, now: number): Answer =>
  jsonAnswer(describeSession(view, now))

/** A part of a list of sessions in JSON. */
export function sessionsAnswer({ sessions, total, next, unanswered }: SessionPage, now: number): Answer {
  const described = sessions.map(view => describeSession(view, now))
  return jsonAnswer({ sessions: described, total, next: next && formatPlace(next), unanswered })
}

/** A session as JSON has it. */
export type SessionObject = ReturnType<typeof describeSession>

/** What a backend may know of a session; ages are in whole seconds. */
export function describeSession(
  { id, jid, domain, origin, state, transport, createdAt, quietSince }: SessionView,
  now: number,
) {
  const seconds = (since: number) => Math.floor((now - since) / 1000)
  const quiet = quietSince === undefined ? undefined : seconds(quietSince)
  return { id, jid, domain: withULabels(domain), origin, state, transport, age: seconds(createdAt), quiet }
}
