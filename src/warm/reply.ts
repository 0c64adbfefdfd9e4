import { type Answer, contentTypes } from '../http/answer.js'
import type { Representation } from '../http/negotiation.js'
import { renderPage } from '../http/views.js'
import type { AttachBinding } from '../sessions.js'
import type { Binding } from './binding.js'

/**
 * The success page's or the JSON object's three values and, in JSON, what a page needs to go on with the session. `url`
 * is our own endpoint's; `reused` says what became of a call that asked for it.
 */
export function bindingAnswer(
  binding: Binding,
  url: string,
  representation: Representation,
  reused?: boolean,
): Answer {
  const { jid, sid, rid } = binding
  const body =
    representation === 'json'
      ? JSON.stringify(describe(binding, url, reused))
      : renderPage('binding', { jid, sid, rid })
  return { status: 200, headers: { 'Content-Type': contentTypes[representation] }, body }
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

/** A page has no place for a cookie to pass on: the endpoint's first answer sets it then. */
export function attachBindingFor(representation: Representation, wanted: AttachBinding): AttachBinding {
  return wanted === 'reply' && representation !== 'json' ? 'cookie' : wanted
}
