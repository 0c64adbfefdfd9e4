// The pages of the service: how they are written, what they load, and what browsers are told of them.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import express, { type Request, type RequestHandler, Router } from 'express'
import Handlebars from 'handlebars'
import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { version } from '../package-json.js'
import { removeForbidden } from '../xml/escape.js'
import { redirectBase } from './addresses.js'
import { cameSecurely, takesPasswords } from './client-rules.js'

/** The views' folder; `src` and `dist` lie beside it. */
const folder = fileURLToPath(new URL('../../views/', import.meta.url))

/** Styles, scripts and pictures of our own. */
const own = fileURLToPath(new URL('../../public/', import.meta.url))

/** Strophe as its package has it: the pages load nothing from elsewhere. */
const strophe = join(dirname(createRequire(import.meta.url).resolve('strophe.js/package.json')), 'dist')

/** The module for the pages of portals, as `npm run build` makes it of src/browser; `src` and `dist` lie beside it. */
const browserModule = fileURLToPath(new URL('../../dist/browser/', import.meta.url))

const engine = Handlebars.create()
const compiled = new Map<string, HandlebarsTemplateDelegate>()

// What the pages have in common, by file name: `{{> head}}` is `parts/head.hbs`.
for (const file of readdirSync(join(folder, 'parts'))) {
  engine.registerPartial(parse(file).name, readFileSync(join(folder, 'parts', file), 'utf8'))
}

/** Writes one of the pages in `views`, each value escaped. A template is read and compiled once. */
export function renderPage(name: string, values: object): string {
  let template = compiled.get(name)
  if (template === undefined) {
    template = engine.compile(readFileSync(join(folder, `${name}.hbs`), 'utf8'), { knownHelpersOnly: true })
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

/** What the pages load, to be mounted at `/assets`. Nothing in it is secret, and browsers may keep it for an hour. */
export function createAssetsRouter(): Router {
  const router = Router({ caseSensitive: true })
  router.get('/strophe.js', (_request, response) => {
    response.sendFile('strophe.umd.min.js', { root: strophe, maxAge: '1h' })
  })
  const provideModule = (path: string, kept: { readonly maxAge: string; readonly immutable?: boolean }) =>
    router.get(path, (_request, response) => {
      response.set('Access-Control-Allow-Origin', '*')
      response.sendFile('warm-bindings.js', { root: browserModule, ...kept })
    })
  provideModule('/warm-bindings.js', { maxAge: '1h' })
  // An address of this version alone, for pages that want to load it once and for all.
  provideModule(`/warm-bindings-${version}.js`, { maxAge: '1y', immutable: true })
  router.use(express.static(own, { index: false, redirect: false, maxAge: '1h' }))
  return router
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
  const isFine = requireSecure ? (request: Request) => cameSecurely(request, config) : takesPasswords(config)
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
