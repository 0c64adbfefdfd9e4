import type { Request } from 'express'
import type { Config } from '../config/config.js'
import { pathOf, urlOfDomain } from '../config/serving.js'
import { type EndpointUrls, endpointUrls, homePath } from '../http/addresses.js'
import { type Answer, jsonAnswer, pageAnswer } from '../http/answers/answer.js'
import { type NavigationPage, navigation } from '../http/answers/navigation.js'
import { negotiate, type Representation } from '../http/answers/negotiation.js'
import { attachingPagePolicy } from '../http/answers/pages.js'
import { nodeIn } from '../processes/node-name.js'
import type { AttachBinding, EndedSessions, SessionList, SessionView } from '../session/session-types.js'
import { withULabels } from '../xmpp/jid/domains.js'
import { formatPlace } from './parameters.js'
import type { Binding } from './session-login.js'

/** If `Accept` has no preference, the control of sessions answers in JSON. */
export function represent({ method, originalUrl, headers }: Request, warmPath: string): Representation {
  const controlsSessions = method !== 'POST' && originalUrl.startsWith(`${warmPath}/`)
  return controlsSessions ? negotiate(headers, 'json') : negotiate(headers)
}

export type AnswerSettings = Parameters<typeof endpointUrls>[0] & Pick<Config, 'warmPath' | 'warm'>

interface BindingContext {
  readonly request: Request
  readonly representation: Representation
  readonly domain: string
  readonly credential?: string | undefined
  readonly isOurForm: boolean
  /** Pages that the role of the admin does not include. */
  readonly hidden: readonly NavigationPage[]
  readonly isResumed?: boolean
}

export const pathForBrowsers = ({ externalUrl, warmPath }: Pick<Config, 'externalUrl' | 'warmPath'>) =>
  homePath(externalUrl) + warmPath

/** JSON for programs. A page shows jid, sid and rid, and after our own form it can attach. */
export function bindingAnswer(
  binding: Binding,
  config: AnswerSettings,
  { request, representation, domain, credential, isOurForm, hidden, isResumed = false }: BindingContext,
): Answer {
  if (representation === 'json')
    return jsonAnswer(describeBinding(binding, endpointUrls(config, domain, request), credential))
  const { jid, sid, rid, id, wait, hold, requests, expiresIn } = binding
  if (!isOurForm) return pageAnswer('binding', { jid, sid, rid }, representation)
  const form = pathForBrowsers(config)
  const url =
    binding.url ??
    urlOfDomain(config, domain) ??
    pageUrl(config.externalUrl, pathOf(config, domain), request.headers.host)
  // A session at a remote endpoint has no page on this service.
  const session = binding.url === undefined ? `${form}/${id}` : undefined
  const title = isResumed ? 'Ready for another page' : 'Logged in'
  const home = homePath(config.externalUrl)
  const terms = { wait, hold, requests, expiresIn }
  const bar = navigation(config, request.headers, undefined, hidden)
  const values = {
    title,
    isResumed,
    jid,
    sid,
    rid,
    ...terms,
    home,
    navigation: bar,
    form,
    session,
    url,
    canList: !hidden.includes('sessions'),
  }
  const page = pageAnswer('bound', values, representation)
  return { ...page, headers: { ...page.headers, 'Content-Security-Policy': attachingPagePolicy(url) } }
}

export type BindingObject = ReturnType<typeof describeBinding>

export type WebSocketObject = NonNullable<BindingObject['websocket']>

export function describeBinding(binding: Binding, urls: EndpointUrls, credential?: string) {
  const { jid, sid, rid, id, token, expiresIn, cookie, delivered, received } = binding
  const resumed = delivered !== undefined
  const { wait, hold, requests, inactivity, polling, maxpause, ver } = binding
  const terms = { wait, hold, requests, inactivity, polling, maxpause, ver }
  const websocket = token === undefined ? undefined : { url: takeoverUrl(urls, id), token, expires_in: expiresIn }
  const url = binding.url ?? urls.bosh
  const csi = binding.url === undefined || undefined
  const before = { resumed, delivered, received: resumed ? received : undefined }
  return { jid, sid, rid, id, ...terms, url, expires_in: expiresIn, csi, websocket, cookie, credential, ...before }
}

/** The URL names the process, because some clients send the token only after the upgrade. */
function takeoverUrl({ websocket }: EndpointUrls, id: string): string {
  const node = nodeIn(id)
  return node === undefined ? websocket : `${websocket}?node=${node}`
}

/** The BOSH endpoint of this service. Has no origin if the page has the same host. */
function pageUrl(externalUrl: string | undefined, boshPath: string, host: string | undefined): string {
  if (externalUrl === undefined) return boshPath
  const { host: externalHost, pathname } = new URL(externalUrl + boshPath)
  return externalHost === host?.toLowerCase() ? pathname : externalUrl + boshPath
}

/** With `no-referrer`, browsers would send the form with `Origin: null`. */
export function withForm(page: Answer): Answer {
  return { ...page, headers: { ...page.headers, 'Referrer-Policy': 'same-origin' } }
}

export function describeEnded({ ended, elsewhere, unanswered }: EndedSessions) {
  return { ended, elsewhere: elsewhere || undefined, unanswered }
}

/** The cookie of `reply` can be set by a backend only. */
export function attachBindingFor(isForBackend: boolean, wanted: AttachBinding): AttachBinding {
  return wanted === 'reply' && !isForBackend ? 'cookie' : wanted
}

/** `now` is in milliseconds of the clock. */
export function describeList({ sessions, total, next, unanswered }: SessionList, now: number, admin: string) {
  const described = sessions.map(view => describeSession(view, now, admin))
  return { sessions: described, total, next: next && formatPlace(next), unanswered }
}

export type SessionObject = ReturnType<typeof describeSession>

export function describeSession(
  { id, jid, domain, origin, state, transport, createdAt, quietSince, tab: page, process }: SessionView,
  now: number,
  admin: string,
) {
  const seconds = (since: number) => Math.floor((now - since) / 1000)
  const quiet = quietSince === undefined ? undefined : seconds(quietSince)
  const isOwn = page?.admin === admin
  const visit = isOwn ? page.visit : undefined
  const tab = isOwn && page.tab !== '' ? page.tab : undefined
  const about = { id, jid, domain: withULabels(domain), origin, state, transport, age: seconds(createdAt), quiet }
  return { ...about, visit, tab, process }
}
