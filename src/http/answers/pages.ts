// Renders the pages of the service, and sets their headers for browsers.
import { readdirSync, readFileSync } from 'node:fs'
import { join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Request, RequestHandler } from 'express'
import Handlebars from 'handlebars'
import type { Config } from '../../config/config.js'
import { Problem } from '../../lib/errors.js'
import { removeForbidden } from '../../xmpp/xml/escape.js'
import { cameSecurely, isForwarded, takesPasswords } from '../access/client-rules.js'
import { redirectBase } from '../addresses.js'

/** The views' folder; `src` and `dist` lie beside it. */
const folder = fileURLToPath(new URL('../../../views/', import.meta.url))

const engine = Handlebars.create()
const compiled = new Map<string, HandlebarsTemplateDelegate>()

/** The templates of a folder by name, read at the start: later there may be no descriptor left for it. */
function readTemplates(within: string): ReadonlyMap<string, string> {
  const files = readdirSync(within).filter(file => file.endsWith('.hbs'))
  return new Map(files.map(file => [parse(file).name, readFileSync(join(within, file), 'utf8')]))
}

const templates = readTemplates(folder)

// Parts that pages share, by file name: `{{> head}}` is `parts/head.hbs`.
for (const [name, text] of readTemplates(join(folder, 'parts'))) engine.registerPartial(name, text)

/** Renders one of the pages in `views`, each value escaped. A template is compiled once. */
export function renderPage(name: string, values: object): string {
  let template = compiled.get(name)
  if (template === undefined) {
    template = engine.compile(templates.get(name), { knownHelpersOnly: true })
    compiled.set(name, template)
  }
  return template(printable(values) as object)
}

/** The same values, however deep, without the characters that escaping cannot bring into XML. */
function printable(value: unknown): unknown {
  if (typeof value === 'string') return removeForbidden(value)
  if (Array.isArray(value)) return value.map(printable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, printable(inner)]))
}

// The Content-Security-Policy of our pages: no script or style stands in them, and none comes from elsewhere.
const base = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'"

/** That of a page without scripts. */
export const pagePolicy = `${base}; img-src 'self'`

/** That of a page that attaches to a session at `boshUrl`, an address that may be relative to the page. */
export function attachingPagePolicy(boshUrl: string): string {
  const origin = URL.canParse(boshUrl) ? ` ${new URL(boshUrl).origin}` : ''
  return `${base}; script-src 'self'; connect-src 'self'${origin}; img-src 'self'`
}

/** Sends people to the page at `path` over TLS who come over none, where that matters and its address is known. */
export function redirectToTls(config: Config, path: string): RequestHandler {
  const { requireSecure } = config.bosh
  const takesThem = takesPasswords(config)
  // A request through a proxy on this machine may come from another machine.
  const isFine = (request: Request) =>
    cameSecurely(request, config) || (!requireSecure && !isForwarded(request) && takesThem(request))
  return (request, response, next) => {
    const secure = isFine(request) ? undefined : redirectBase(config, request)
    if (secure === undefined) return next()
    // Who may come how is up to the settings, and those may change.
    response.set('Cache-Control', 'no-store').redirect(308, secure + path)
  }
}

/** Refuses what is no request to read, at an address where there is nothing else to do. */
export const readOnly: RequestHandler = ({ method }, response, next) => {
  if (method === 'GET' || method === 'HEAD') return next()
  response.set('Allow', 'GET, HEAD')
  throw new Problem('method-not-allowed')
}
