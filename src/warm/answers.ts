import type { Request } from 'express'
import type { Config } from '../config/config.js'
import { type EndpointUrls, endpointUrls, homePath } from '../http/addresses.js'
import { type Answer, jsonAnswer, pageAnswer } from '../http/answers/answer.js'
import { negotiate, type Representation } from '../http/answers/negotiation.js'
import type { AttachBinding, EndedSessions, SessionDetails } from '../session/session-types.js'
import { processIn } from '../store/process-name.js'
import type { SessionPage, StoredSession } from '../store/store.js'
import { withULabels } from '../xmpp/jid/domains.js'
import { formatPlace } from './parameters.js'
import type { WarmedBinding } from './warming/session-login.js'

/** If `Accept` has no preference, GET and DELETE below `warmPath` get JSON. Others get the format of their body. */
export function represent({ method, originalUrl, headers }: Request, warmPath: string): Representation {
  const controlsSessions = method !== 'POST' && originalUrl.startsWith(`${warmPath}/`)
  return controlsSessions ? negotiate(headers, 'json') : negotiate(headers)
}

export const pathForBrowsers = ({ externalUrl, warmPath }: Pick<Config, 'externalUrl' | 'warmPath'>) =>
  homePath(externalUrl) + warmPath

export function bindingAnswer(
  binding: WarmedBinding,
  config: Config,
  { request, representation }: { readonly request: Request; readonly representation: Representation },
  domain: string,
  credential?: string,
  guestToken?: string,
): Answer {
  if (representation === 'json')
    return jsonAnswer(describeBinding(binding, endpointUrls(config, domain, request), credential, guestToken))
  const { jid, sid, rid } = binding
  return pageAnswer('binding', { jid, sid, rid }, representation)
}

export type BindingObject = ReturnType<typeof describeBinding>

export type WebSocketObject = NonNullable<BindingObject['websocket']>

export function describeBinding(binding: WarmedBinding, urls: EndpointUrls, credential?: string, guest_token?: string) {
  const { jid, sid, rid, id, token, expiresIn, cookie, delivered, received } = binding
  const resumed = delivered !== undefined
  const { wait, hold, requests, inactivity, polling, maxpause, ver } = binding
  const terms = { wait, hold, requests, inactivity, polling, maxpause, ver }
  const websocket = token === undefined ? undefined : { url: attachUrl(urls, id), token, expires_in: expiresIn }
  const url = binding.url ?? urls.bosh
  const isHere = binding.url === undefined || undefined
  const here = { csi: isHere, link_state: isHere }
  const before = { resumed, delivered, received: resumed ? received : undefined }
  const secrets = { websocket, cookie, credential, guest_token }
  return { jid, sid, rid, id, ...terms, url, expires_in: expiresIn, ...here, ...secrets, ...before }
}

/** `node` names the session's process, as the token does: some logins send only a hash of the token. */
function attachUrl({ websocket }: EndpointUrls, id: string): string {
  const node = processIn(id)
  return node === undefined ? websocket : `${websocket}?node=${node}`
}

/** With `no-referrer`, browsers would send the form with `Origin: null`. */
export function withForm(page: Answer): Answer {
  return { ...page, headers: { ...page.headers, 'Referrer-Policy': 'same-origin' } }
}

/** Completes the line of the log, too. */
export function endedAnswer(line: object, { ended, elsewhere }: EndedSessions): Answer {
  const result = { ended, elsewhere: elsewhere || undefined }
  Object.assign(line, result)
  return jsonAnswer(result)
}

/** `reply` needs a backend that sets the cookie. From other callers, it means `cookie`. */
export function attachBindingFor(isForBackend: boolean, wanted: AttachBinding): AttachBinding {
  return wanted === 'reply' && !isForBackend ? 'cookie' : wanted
}

export function describeList({ sessions, total, next }: SessionPage, now: number, admin: string) {
  const described = sessions.map(view => describeSession(view, now, admin))
  return { sessions: described, total, next: next && formatPlace(next) }
}

export type SessionObject = ReturnType<typeof describeDetails>

export function describeDetails(view: SessionDetails, now: number, admin: string) {
  const { admin: opener, clientAddress: address, browser } = view
  const history = view.history?.map(({ event, at }) => ({ event, age: Math.floor((now - at) / 1000) }))
  return { ...describeSession(view, now, admin), admin: opener, address, browser, history }
}

export function describeSession(session: StoredSession, now: number, admin: string) {
  const { id, jid, domain, origin, state, transport, openedAt, quietSince, tab: page, process } = session
  const seconds = (since: number) => Math.floor((now - since) / 1000)
  const quiet = quietSince === undefined ? undefined : seconds(quietSince)
  const isOwn = page?.admin === admin
  const visit = isOwn ? page.visit : undefined
  const tab = isOwn && page.tab !== '' ? page.tab : undefined
  const about = { id, jid, domain: withULabels(domain), origin, state, transport, age: seconds(openedAt), quiet }
  return { ...about, visit, tab, process: process || undefined }
}

export const formatTime = (time: number) => `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`
