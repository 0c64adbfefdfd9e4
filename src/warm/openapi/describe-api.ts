import type { Config } from '../../config/config.js'
import { description, license, name, version } from '../../lib/package-json.js'
import { object, type Schema } from '../../lib/text/json-schema.js'
import { bodyParameters, identifying, type ParameterName, parameterNames, tabParameters } from '../parameters.js'
import { usualOptions } from '../warming/warm-request.js'
import { describePaths } from './paths.js'
import { replyHeaders, replySchemas } from './replies.js'

export function describeApi(config: Config): object {
  const { externalUrl, pages } = config
  const admin = { type: 'http', scheme: 'basic', description: 'An admin of `ADMIN_USERS`.' }
  const page = { type: 'http', scheme: 'bearer', description: 'A token of the portal (JWT), or of a guest.' }
  const hasPages = pages.origins.length > 0
  return {
    openapi: '3.1.0',
    info: { title: name, version, description, license: { name: license, identifier: license } },
    servers: [{ url: externalUrl ?? '/' }],
    security: [{ admin: [] }],
    paths: describePaths(config),
    components: {
      schemas: { ...bodySchemas(config), ...(hasPages && { ConnectRequest }), ...replySchemas },
      headers: replyHeaders,
      securitySchemes: { admin, ...(hasPages && { page }) },
    },
  }
}

const closed = (schema: Schema): Schema => ({ ...schema, additionalProperties: false })

const ConnectRequest = closed(object('The tab of the page.', { 'tab?': tabParameters.tab.schema }))

function bodySchemas({ bosh, warm, remotes }: Config): Readonly<Record<string, Schema>> {
  const usual = usualOptions(bosh)
  const defaults: { readonly [Name in ParameterName]?: unknown } = {
    ...usual,
    lang: usual.language,
    expires_in: warm.attachSeconds,
    attach_binding: bosh.attachBinding,
  }
  const butElsewhere = remotes.size === 0 ? '' : ', except at a remote endpoint with REMOTE_ATTACH=there'
  const atMost = (limit: number) => ` More than ${limit} counts as ${limit}${butElsewhere}.`
  const remarks: { readonly [Name in ParameterName]?: string } = {
    jid: warm.anonymous ? ' A domain alone opens a session without an account.' : '',
    wait: atMost(bosh.maxWait),
    hold: atMost(bosh.maxRequests - 1),
  }
  const schemaOf = (name: ParameterName): Schema => {
    const { description, default: own, ...value }: Schema = bodyParameters[name].schema
    const about = { description: description + (remarks[name] ?? ''), default: defaults[name] ?? own }
    if (identifying.has(name) || name === 'csrf_token') return { ...value, ...about }
    const { anyOf = [value] } = value
    return { ...about, anyOf: [...anyOf, { enum: ['', null] }] }
  }
  const ofBody = (description: string, names: readonly ParameterName[]) => {
    const properties = names.map(name => [name === 'jid' ? name : `${name}?`, schemaOf(name)])
    return closed(object(description, Object.fromEntries(properties)))
  }
  return {
    WarmRequest: ofBody('An unknown or repeated parameter is an error.', parameterNames),
    EndRequest: object('The form that ends a session.', { csrf_token: schemaOf('csrf_token') }),
    ResumeRequest: ofBody('Options of the session.', ['expires_in', 'attach_binding', 'csrf_token']),
  }
}
