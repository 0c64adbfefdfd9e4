import { readdirSync, readFileSync } from 'node:fs'
import { join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Request, RequestHandler } from 'express'
import Handlebars from 'handlebars'
import type { Config } from '../../config/config.js'
import { Problem } from '../../lib/errors.js'
import { removeForbidden } from '../../xmpp/xml/escape.js'
import { countsAsEncrypted, isForwarded, takesPasswords } from '../access/client-rules.js'
import { type Addressing, redirectBase } from '../addresses.js'

const folder = fileURLToPath(new URL('../../../views/', import.meta.url))

const engine = Handlebars.create()

/** Call this at the start, because descriptors may run out later. */
function readTemplates(within: string): [name: string, text: string][] {
  const files = readdirSync(within).filter(file => file.endsWith('.hbs'))
  return files.map(file => [parse(file).name, readFileSync(join(within, file), 'utf8')])
}

for (const [name, text] of readTemplates(join(folder, 'parts'))) engine.registerPartial(name, text)

/** Handlebars compiles each template at its first use. */
const templates = new Map(
  readTemplates(folder).map(([name, text]) => [name, engine.compile(text, { knownHelpersOnly: true })]),
)

/** Characters that XML forbids are removed, because it forbids them even if they are escaped. */
export const renderPage = (name: string, values: object): string => removeForbidden(templates.get(name)!(values))

const base = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'"

export const pagePolicy = `${base}; img-src 'self'`

export const livePagePolicy = `${base}; script-src 'self'; connect-src 'self'; img-src 'self'`

export function attachingPagePolicy(boshUrl: string): string {
  const origin = URL.canParse(boshUrl) ? ` ${new URL(boshUrl).origin}` : ''
  return `${base}; script-src 'self'; connect-src 'self'${origin}; img-src 'self'`
}

export function redirectToTls(config: Addressing & Pick<Config, 'requireSecure'>, path: string): RequestHandler {
  const takesThem = takesPasswords(config)
  const isFine = (request: Request) =>
    countsAsEncrypted(request, config) || (!config.requireSecure && !isForwarded(request) && takesThem(request))
  return (request, response, next) => {
    const secure = isFine(request) ? undefined : redirectBase(config, request)
    if (secure === undefined) return next()
    // A cached redirect would outlive a change of the settings.
    response.set('Cache-Control', 'no-store').redirect(308, secure + path)
  }
}

export const readOnly: RequestHandler = ({ method }, response, next) => {
  if (method === 'GET' || method === 'HEAD') return next()
  response.set('Allow', 'GET, HEAD')
  throw methodNotAllowed('GET, HEAD')
}

export const methodNotAllowed = (allowed: string) =>
  new Problem('method-not-allowed', { detail: `Allowed: ${allowed}.` })
