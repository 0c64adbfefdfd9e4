// The page that a portal would serve to its user: Strophe as published, and as little script as it takes.
import { Router } from 'express'

/** What the page notes, for the test to look at; `window.noted`. */
export interface Noted {
  /** Names of Strophe's statuses in order, with the condition where there is one: `CONNFAIL item-not-found`. */
  readonly statuses: string[]
  readonly bodies: string[]
  /** Whether the session was taken up from what the tab remembers. */
  restored: boolean
  /** Ids and conditions of messages that came back, as a handler of Strophe's gets them. */
  readonly errors: string[]
  jid: string
}

/** What the page can be told to do; `window.chat`. */
export interface Chat {
  /** Restores the tab's session, or attaches with the binding. Sends presence with the first request. */
  begin(binding: { jid: string; sid: string; rid: number; wait: number }, endpoint: string): void
  /** Logs in by itself, and then sends presence. */
  logIn(jid: string, password: string, endpoint: string): void
  /** Sends cookies along with whatever comes after this, also to another origin. */
  takeCookies(): void
  say(to: string, text: string): void
  leave(): void
  /** Whether only one request is open, and has been for a while: the service holds it. */
  rests(): boolean
  /** Ends the session by a beacon when the page is left. */
  leaveWithPage(): void
}

const script = `
const nameOf = code => Object.keys(Strophe.Status).find(name => Strophe.Status[name] === code)
let connection
let withCredentials = false
window.noted = { statuses: [], bodies: [], restored: false, errors: [], jid: '' }
const connect = endpoint => {
  connection = new Strophe.Connection(endpoint, { keepalive: true, withCredentials })
  connection.xmlInput = body => noted.bodies.push(new XMLSerializer().serializeToString(body))
}
const follow = (status, why) => {
  noted.statuses.push(why ? nameOf(status) + ' ' + why : nameOf(status))
  if (status !== Strophe.Status.ATTACHED && status !== Strophe.Status.CONNECTED) return
  noted.jid = connection.jid
  const returned = stanza => {
    noted.errors.push(stanza.getAttribute('id') + ' ' + stanza.querySelector('error > *').localName)
    return true
  }
  connection.addHandler(returned, null, 'message', 'error')
  connection.send($pres())
}
window.chat = {
  begin({ jid, sid, rid, wait }, endpoint) {
    connect(endpoint)
    try {
      connection.restore(jid, follow, wait)
      noted.restored = true
    } catch {
      connection.attach(jid, sid, rid, follow, wait)
    }
  },
  logIn(jid, password, endpoint) {
    connect(endpoint)
    connection.connect(jid, password, follow)
  },
  takeCookies() {
    withCredentials = true
  },
  say: (to, text) => connection.send($msg({ to, type: 'chat', id: text }).c('body').t(text)),
  leave() {
    // On a slow machine, three seconds, which Strophe usually waits, pass before the last request is sent.
    connection.disconnection_timeout = 10_000
    connection.disconnect('done')
  },
  rests() {
    const requests = connection._proto._requests
    return requests.length === 1 && requests[0].age() > 0.2
  },
  leaveWithPage() {
    addEventListener('pagehide', () => {
      const { sid, rid } = connection._proto
      const body = $build('body', { xmlns: Strophe.NS.HTTPBIND, type: 'terminate', sid, rid })
      navigator.sendBeacon(connection.service, new Blob([body.toString()], { type: 'text/plain' }))
    })
  },
}
`

/** `scripts`: the attributes of each. */
export const portalHtml = (scripts: readonly string[], head = '') => `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>A portal</title><link rel="icon" href="data:,">${head}</head>
<body>${scripts.map(script => `<script ${script}></script>`).join('')}</body>
</html>
`

/** The page at `/portal`, for an app that has Strophe under `/assets`: the service, or a portal. */
export function createPageRouter(): Router {
  const router = Router()
  router.get('/portal', (_request, response) => {
    // Replaces the policy of the service's own pages.
    const html = portalHtml(['src="/assets/strophe.js"', 'src="/portal/chat.js"'])
    response.set('Content-Security-Policy', "script-src 'self'").type('html').send(html)
  })
  router.get('/portal/chat.js', (_request, response) => void response.type('js').send(script))
  return router
}
