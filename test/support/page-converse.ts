// The page that a portal would serve to its user: Converse as published, and the route that warms its sessions.
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express, { Router } from 'express'

const dist = dirname(createRequire(import.meta.url).resolve('converse.js/dist/converse.min.js'))

/** What the page notes, for the test to look at; `window.noted`. */
export interface ConverseNoted {
  /** Names of Converse's events in order. */
  readonly events: string[]
  /** Texts of the messages that came. */
  readonly texts: string[]
  /** The full JID that Converse has, once it is connected. */
  jid: string | undefined
}

/** What the page can be told to do; `window.chat`. */
export interface ConverseChat {
  /** Starts Converse with these settings besides those of the page. */
  begin(settings: Readonly<Record<string, unknown>>): void
  /** Opens a chat and sends, in a while. */
  say(to: string, text: string): void
  leave(): void
  /** Whether a contact is there, as Converse shows it: `online`, `offline` and so on. */
  statusOf(jid: string): string
  /** Whether only one request is open, and has been for a third of a second: Converse has nothing more to ask. */
  rests(): boolean
  /** Whether Converse rests, and then sends no further request until `resume`. */
  pausesAtRest(): boolean
  resume(): void
  /** Whether a request is open. */
  hasRequest(): boolean
}

const script = `
const events = [
  'connected', 'reconnected', 'will-reconnect', 'disconnected', 'noResumeableBOSHSession', 'logout',
  'statusInitialized', 'rosterContactsFetched', 'cachedRoster', 'chatBoxesInitialized',
]
window.noted = { events: [], texts: [], jid: undefined }
window.chat = {
  begin(settings) {
    converse.plugins.add('portal', {
      initialize() {
        const { api } = this._converse
        for (const event of events) {
          api.listen.on(event, () => {
            noted.jid = api.connection.get()?.jid
            noted.events.push(event)
          })
        }
        api.listen.on('message', ({ attrs }) => { if (attrs.body) noted.texts.push(attrs.body) })
        chat.say = (to, text) => {
          void api.chats.open(to, {}, true).then(box => box.sendMessage({ body: text }))
        }
        chat.rests = () => {
          const requests = api.connection.get()._proto._requests
          return requests.length === 1 && requests[0].age() > 0.3
        }
        chat.pausesAtRest = () => {
          if (!chat.rests()) return false
          api.connection.get().pause()
          return true
        }
        chat.resume = () => api.connection.get().resume()
        chat.hasRequest = () => api.connection.get()._proto._requests.length > 0
        chat.statusOf = jid => this._converse.state.roster?.get(jid)?.getStatus() ?? 'unknown'
        chat.leave = () => {
          // On a slow machine, three seconds, which Strophe usually waits, pass before the last request is sent.
          api.connection.get().disconnection_timeout = 10_000
          void api.user.logout()
        }
      },
    })
    converse.initialize({
      assets_path: '/portal/converse/dist',
      bosh_service_url: location.origin + '/http-bind',
      discover_connection_methods: false,
      auto_login: true,
      view_mode: 'fullscreen',
      i18n: 'en',
      loglevel: 'warn',
      persistent_store: 'sessionStorage',
      reuse_scram_keys: false,
      whitelisted_plugins: ['portal'],
      ...settings,
    })
  },
}
`

const html = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><title>A portal</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/portal/converse/dist/converse.min.css">
</head>
<body class="converse-fullscreen">
<script type="module" src="/portal/converse/dist/converse.min.js"></script><script src="/portal/converse/chat.js"></script>
</body>
</html>
`

/** The page at `/portal/converse`, with `bind` warming a session for its user at `/portal/converse/binding`. */
export function createConverseRouter(bind: () => Promise<object>): Router {
  const router = Router()
  router.get('/portal/converse', (_request, response) => {
    // Not that of the service's own pages: Converse has styles, workers and images in places of its own.
    response.removeHeader('Content-Security-Policy')
    response.type('html').send(html)
  })
  router.get('/portal/converse/chat.js', (_request, response) => void response.type('js').send(script))
  router.get('/portal/converse/binding', async (_request, response) => {
    response.set('Cache-Control', 'no-store').json(await bind())
  })
  router.use('/portal/converse/dist', express.static(dist, { index: false }))
  return router
}
