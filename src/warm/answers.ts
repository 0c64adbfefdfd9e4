// What calls are answered with: sessions that were handed out, and what is known of sessions.
import type { Request } from 'express'
import type { Config } from '../config/config.js'
import { pathOf, urlOfDomain } from '../config/serving.js'
import { type EndpointUrls, endpointUrls, homePath } from '../http/addresses.js'
import { type Answer, jsonAnswer, pageAnswer } from '../http/answer.js'
import { negotiate, type Representation } from '../http/negotiation.js'
import { attachingPagePolicy } from '../http/pages.js'
import { withULabels } from '../jid/domains.js'
import type { AttachBinding, SessionView } from '../session/sessions.js'
import { formatPlace } from './parameters.js'
import type { SessionPage } from './session-list.js'
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
  const websocket = token === undefined ? undefined : { url: urls.websocket, token, expires_in: expiresIn }
  const url = binding.url ?? urls.bosh
  const before = { resumed, delivered, received: resumed ? received : undefined, reused }
  return { jid, sid, rid, id, ...terms, url, expires_in: expiresIn, websocket, cookie, ...before }
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

/** The moment from which ages are counted is in milliseconds of the clock. */
export type AskedNow = Asked & { readonly now: number }

/** One session, as JSON or as a page. */
export function sessionAnswer(view: SessionView, context: AskedNow): Answer {
  const session = describeSession(view, context.now)
  const about = { title: 'Session', caption: 'One session', next: undefined }
  return sessionPage(about, [session], context) ?? jsonAnswer(session)
}

/** A part of a list of sessions, as JSON or as a page. */
export function sessionsAnswer(page: SessionPage, context: AskedNow): Answer {
  const { total } = page
  const sessions = page.sessions.map(view => describeSession(view, context.now))
  const next = page.next && formatPlace(page.next)
  const caption = `${sessions.length < total ? `${sessions.length} of` : 'All'} ${total} sessions`
  const query = new URLSearchParams(context.request.url.replace(/^[^?]*/, ''))
  if (next !== undefined) query.set('after', next)
  const about = { title: 'Sessions', caption, next: next && `?${query}` }
  return sessionPage(about, sessions, context) ?? jsonAnswer({ sessions, total, next })
}

/** A session as JSON has it. */
export type SessionObject = ReturnType<typeof describeSession>

/** What a backend may know of a session; ages are in whole seconds. */
function describeSession(
  { id, jid, domain, origin, state, transport, createdAt, quietSince }: SessionView,
  now: number,
) {
  const seconds = (since: number) => Math.floor((now - since) / 1000)
  const quiet = quietSince === undefined ? undefined : seconds(quietSince)
  return { id, jid, domain: withULabels(domain), origin, state, transport, age: seconds(createdAt), quiet }
}

/** A page with a table of sessions, and the query of the page that follows; undefined where JSON is wanted. */
function sessionPage(
  about: { readonly title: string; readonly caption: string; readonly next: string | undefined },
  sessions: readonly SessionObject[],
  { request, config }: Asked,
): Answer | undefined {
  const representation = represent(request, config.warmPath)
  if (representation === 'json') return undefined
  const rows = sessions.map(({ jid, domain, transport, age, quiet, ...rest }) => ({
    ...rest,
    who: jid ?? `(at ${domain})`,
    age: span(age),
    transport: transport ?? '–',
    quiet: quiet === undefined ? '–' : span(quiet),
  }))
  const home = homePath(config.externalUrl)
  return pageAnswer('sessions', { ...about, rows, home, path: home + config.warmPath }, representation)
}

/** A time for people, in the largest unit that it fills. */
function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
