import { type Answer, contentTypes } from '../http/answer.js'
import type { Representation } from '../http/negotiation.js'
import { renderPage } from '../views.js'
import type { Binding } from './binding.js'

/** The success page's or the JSON object's three values and, in JSON, what a page needs to go on with the session. */
export function bindingAnswer(binding: Binding, url: string, representation: Representation): Answer {
  const { jid, sid, rid, id, wait, hold, requests, inactivity, polling, maxpause, ver, expiresIn } = binding
  const body =
    representation === 'json'
      ? JSON.stringify({
          ...{ jid, sid, rid, id, wait, hold, requests, inactivity, polling, maxpause, ver, url },
          expires_in: expiresIn,
        })
      : renderPage('binding', { jid, sid, rid })
  return { status: 200, headers: { 'Content-Type': contentTypes[representation] }, body }
}
