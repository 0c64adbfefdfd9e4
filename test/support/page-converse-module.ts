// A portal's page with Converse, with or without the service's module for it, at an origin of its own.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express, { type Request, type Response } from 'express'
import { Listener } from './listener.js'

const dist = dirname(createRequire(import.meta.url).resolve('converse.js/dist/converse.min.js'))

/** `window.noted` of the page. */
export interface ConverseModuleNoted {
  /** State and code of each status: `ended signed-out`. Without the module, events of Converse: `connected`. */
  readonly statuses: string[]
}

interface Message {
  /** `c` and a number, in the order of creation. */
  readonly cid: string
  get(attribute: 'body' | 'sender'): string
}

interface InsideConnection {
  readonly jid: string
  /** Longest wait for the last request, in milliseconds. */
  disconnection_timeout: number
  readonly _proto: { readonly _requests: readonly { age(): number }[] }
  pause(): void
  resume(): void
}

/** `window.inside` of the page: the private object of Converse, as far as the tests use it. */
export interface InsideConverse {
  readonly api: {
    readonly connection: {
      get(): InsideConnection | undefined
      isType(type: 'websocket' | 'bosh'): boolean
    }
    readonly chats: {
      open(jid: string, attributes: object, force: boolean): Promise<{ sendMessage(it: object): void }>
    }
    readonly user: { logout(): Promise<void> }
  }
  readonly state: {
    readonly chatboxes: { get(jid: string): { readonly messages: { readonly models: readonly Message[] } } | undefined }
    readonly session: { get(name: 'unacked_stanzas'): readonly string[] | undefined }
    readonly roster?: { get(jid: string): { getStatus(): string } | undefined }
  }
}

export interface ConversePortal {
  readonly url: string
  /** Options of `connectConverse` in pages loaded from now on. With `isAlone`, Converse has only these `settings`. */
  options: Readonly<Record<string, unknown>>
  stop(): Promise<void>
}

const withModule = (service: string, options: object) => `
const { connectConverse } = await import('${service}/assets/warm-bindings-converse.js')
connectConverse({
  ...${JSON.stringify(options)},
  onStatus: ({ state, code }) => noted.statuses.push(code ? state + ' ' + code : state),
  settings,
})`

const alone = (service: string) => `
converse.initialize({
  ...{ bosh_service_url: '${service}/http-bind', discover_connection_methods: false, auto_login: true },
  ...{ view_mode: 'fullscreen', persistent_store: 'sessionStorage', reuse_scram_keys: false, ...settings },
})`

const page = (service: string, { settings = {}, isAlone, ...options }: ConversePortal['options']) => `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><title>A portal</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/converse/converse.min.css">
</head>
<body class="converse-fullscreen">
<script type="module" src="/converse/converse.min.js"></script>
<script type="module">
window.noted = { statuses: [] }
converse.plugins.add('test', {
  initialize() {
    window.inside = this._converse
    const note = event => inside.api.listen.on(event, () => noted.statuses.push(event))
    if (${isAlone === true}) ['connected', 'reconnected', 'logout'].forEach(note)
  },
})
const settings = {
  ...{ assets_path: '/converse/', i18n: 'en', loglevel: 'warn', whitelisted_plugins: ['test'] },
  ...${JSON.stringify(settings)},
}
${isAlone === true ? alone(service) : withModule(service, options)}
</script>
</body>
</html>
`

/** `answer` gives the JSON of `/chat/binding` and `/chat/token` for a tab, or undefined if nobody is signed in. */
export async function serveConversePortal(
  service: () => string,
  answer: (path: string, tab: string) => Promise<object | undefined>,
): Promise<ConversePortal> {
  const app = express()
  app.use('/converse', express.static(dist, { index: false }))
  app.get('/', (_request: Request, response: Response) => void response.send(page(service(), portal.options)))
  app.get('/chat/:name', async (request, response) => {
    const found = await answer(request.path, String(request.query['tab'])).catch(() => 503)
    if (found === undefined || found === 503) response.sendStatus(found ?? 401)
    else response.set('Cache-Control', 'no-store').json(found)
  })
  const listener = await Listener.start(createServer(app))
  const portal: ConversePortal = { url: listener.url, options: {}, stop: () => listener.stop() }
  return portal
}
