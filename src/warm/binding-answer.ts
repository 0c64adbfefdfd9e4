// How a call that gave a session is answered.
import type { Request } from 'express'
import type { Config } from '../config/config.js'
import { boshPathOf, boshUrlOfDomain } from '../config/serving.js'
import { homePath } from '../http/addresses.js'
import { type Answer, jsonAnswer, pageAnswer } from '../http/answer.js'
import { negotiate, type Representation } from '../http/negotiation.js'
import { attachingPagePolicy } from '../http/page-policy.js'
import type { AttachBinding } from '../session/sessions.js'
import type { Binding } from './binding.js'

/**
 * How a call of the warm API is answered. Without a preference in `Accept`, addresses that control sessions answer in
 * JSON, and calls for a binding in the format of their body.
 */
export function represent({ method, originalUrl, headers }: Request, warmPath: string): Representation {
  const controlsSessions = method !== 'POST' && originalUrl.startsWith(`${warmPath}/`)
  return controlsSessions ? negotiate(headers, 'json') : negotiate(headers)
}

/**
 * The success page with the three values or, in JSON, everything that a page needs to attach. `url` is the address of
 * our own endpoint; `reused` is there for calls that asked to reuse a session.
 */
export function bindingAnswer(
  binding: Binding,
  url: string,
  representation: Representation,
  reused?: boolean,
): Answer {
  if (representation === 'json') return jsonAnswer(describe(binding, url, reused))
  const { jid, sid, rid } = binding
  return pageAnswer('binding', { jid, sid, rid }, representation)
}

/** A binding as JSON has it. */
export type BindingObject = ReturnType<typeof describe>

function describe(binding: Binding, url: string, reused: boolean | undefined) {
  return {
    jid: binding.jid,
    sid: binding.sid,
    rid: binding.rid,
    id: binding.id,
    wait: binding.wait,
    hold: binding.hold,
    requests: binding.requests,
    inactivity: binding.inactivity,
    polling: binding.polling,
    maxpause: binding.maxpause,
    ver: binding.ver,
    url: binding.url ?? url,
    expires_in: binding.expiresIn,
    cookie: binding.cookie,
    reused,
  }
}

/**
 * The success page for an admin who has sent our form: the values that programs get, and a button to attach with them.
 * `host` is the name under which the browser knows this service, from the header `Host`.
 */
export function boundPage(
  binding: Binding,
  config: Pick<Config, 'externalUrl' | 'warmPath' | 'boshPath' | 'http'>,
  domain: string,
  host: string | undefined,
  representation: Exclude<Representation, 'json'>,
): Answer {
  const { jid, sid, rid, wait, hold, requests, expiresIn } = binding
  const home = homePath(config.externalUrl)
  const form = home + config.warmPath
  const url =
    binding.url ??
    boshUrlOfDomain(config, domain) ??
    pageUrl(config.externalUrl, boshPathOf(config, domain), host)
  const values = { jid, sid, rid, wait, hold, requests, expiresIn, home, form, url }
  const { status, headers, body } = pageAnswer('bound', values, representation)
  return { status, headers: { ...headers, 'Content-Security-Policy': attachingPagePolicy(url) }, body }
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
