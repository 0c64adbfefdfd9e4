import { describe, expect, test } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import request from 'supertest'
import { type ProblemCode, problems, steps } from '../../../src/lib/errors.js'
import { describeApi } from '../../../src/warm/openapi/describe-api.js'
import { listParameters, logoutParameters, parameterNames } from '../../../src/warm/parameters.js'
import { ApiDocument, type Part } from '../../support/api-document.js'
import { config, fakeService } from '../fake-login.js'

const api = new ApiDocument(describeApi(config))
const { document } = api
const { schemas } = document.components

function describedForPages(guests?: string): Part {
  const pages = { ...config.pages, origins: ['https://www.example.org'], guests }
  return describeApi({ ...config, pages })
}

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1, and each of its schemas is valid', async () => {
    expect(document.openapi).toBe('3.1.0')
    expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true })
    const places = schemasIn(document)
    expect(places).toContainEqual(['components', 'schemas', 'Binding'])
    // The validator compiles each schema, and rejects unknown keywords.
    for (const place of places) expect(api.accepts(place, null)).toBe(false)
  })

  test('is public JSON that is not cached', async () => {
    const { app } = fakeService({ externalUrl: 'https://web.example/chat' })
    const reply = await request(app).get('/openapi.json')
    expect([reply.status, reply.type]).toEqual([200, 'application/json'])
    expect(reply.headers['cache-control']).toBe('no-cache')
    expect(reply.body.servers).toEqual([{ url: 'https://web.example/chat' }])
    expect(reply.body.info).toMatchObject({ title: 'warm-bindings', version: expect.stringMatching(/^\d+\./) })
  })

  test('has each path and method of the app except pages', () => {
    const { app } = fakeService()
    const routes = routesOf(app.router.stack as unknown as Layer[])
    const assets = routes.filter(route => route.startsWith('GET /assets/'))
    const documents = ['GET /warm/docs(?:/([a-z-]*))?$', 'GET /warm/docs/search.json']
    const pages = ['GET /', 'GET /warm/sign-out', 'GET /warm/{id}/binding', ...documents]
    const selection = ['GET /warm/sessions/end', 'POST /warm/sessions/end', 'GET /warm/sessions/ended']
    const others = [...pages, ...selection, ...assets]
    // The app does not answer these.
    const before = ['GET /healthz', 'GET /readyz']
    expect(new Set([...routes, ...before])).toEqual(new Set([...others, ...api.operations]))
  })

  test('has every parameter that calls accept, and says that others are rejected', () => {
    expect(Object.keys(schemas.WarmRequest.properties)).toEqual([...parameterNames])
    const inQuery = (method: string) =>
      document.paths['/warm/sessions'][method].parameters.map(({ name }: Part) => name)
    expect(inQuery('get')).toEqual(Object.keys(listParameters))
    expect(inQuery('delete')).toEqual(Object.keys(logoutParameters))
    const described = describedForPages().components.schemas
    for (const name of ['WarmRequest', 'ConnectRequest', 'ResumeRequest'])
      expect([name, described[name].additionalProperties]).toEqual([name, false])
  })

  test('says that guests need no token', () => {
    const securityOf = (document: Part) => document.paths['/connect'].post.security
    expect(securityOf(describedForPages())).toEqual([{ page: [] }])
    expect(securityOf(describedForPages('guests.example.org'))).toEqual([{ page: [] }, {}])
  })

  test('has each error at its status, with its sentence', () => {
    const codes = Object.keys(problems) as ProblemCode[]
    expect(schemas.Problem.properties.code.enum).toEqual(codes)
    expect(schemas.Problem.properties.step.enum).toEqual([...steps])
    const described = new Set(api.operations.flatMap(operation => api.codesOf(operation)))
    // Errors of methods and hosts that are not in the document.
    const others = ['method-not-allowed', 'misdirected-request']
    expect(codes.filter(code => !described.has(code))).toEqual(others)
    for (const operation of api.operations) {
      for (const code of api.codesOf(operation) as ProblemCode[]) {
        const { status, sentence } = problems[code]
        const { content, description } = api.responsesOf(operation)[status]
        expect(content['application/problem+json'].schema.allOf[1].properties.code.enum).toContain(code)
        expect(description).toContain(`\`${code}\`: ${sentence}`)
      }
    }
  })

  test('defines exactly the headers that its replies name', () => {
    const named = api.operations.flatMap(operation =>
      Object.values<Part>(api.responsesOf(operation)).flatMap(({ headers = {} }) => Object.keys(headers)),
    )
    const { headers } = document.components
    expect(new Set(named)).toEqual(new Set(Object.keys(headers)))
    expect(Object.keys(headers).filter(name => headers[name].required !== true)).toEqual([])
  })

  test('requires an admin for all calls, and contains no secret', () => {
    const open = api.operations.filter(operation => !api.codesOf(operation).includes('unauthorized'))
    expect(open).toEqual([
      ...['GET /.well-known/host-meta', 'GET /.well-known/host-meta.json'],
      ...['GET /healthz', 'GET /readyz', 'GET /openapi.json'],
    ])
    expect(document.security).toEqual([{ admin: [] }])
    for (const operation of open) expect(document.paths[operation.slice(4)].get.security).toEqual([])
    const text = JSON.stringify(document)
    const secrets = config.admins.flatMap(({ name, secret }) => [`"${name}"`, secret])
    expect(secrets.filter(secret => text.includes(secret))).toEqual([])
  })
})

test('the settings in the OpenAPI document are addresses, defaults and limits of the service', () => {
  const set = new ApiDocument(
    describeApi({
      ...config,
      warmPath: '/chat/bind',
      externalUrl: undefined,
      bosh: { ...config.bosh, maxWait: 30, maxRequests: 5, attachBinding: 'cookie' },
      warm: { ...config.warm, attachSeconds: 45, anonymous: true },
    }),
  )
  expect(set.operations).toContain('POST /chat/bind/{id}/resume')
  expect(set.document.servers).toEqual([{ url: '/' }])
  const { properties } = set.document.components.schemas.WarmRequest
  expect(properties).toMatchObject({
    wait: { default: 30, description: expect.stringContaining('30') },
    hold: { default: 1, description: expect.stringContaining('More than 4') },
    expires_in: { default: 45, anyOf: [{ minimum: 5, maximum: 600 }, { enum: ['', null] }] },
    attach_binding: { default: 'cookie', anyOf: [{ enum: ['off', 'cookie', 'reply'] }, { enum: ['', null] }] },
    jid: { description: expect.stringContaining('without an account') },
  })
})

test('the settings in the OpenAPI document do not include what is turned off', () => {
  const off = { warm: { ...config.warm, enabled: false, hasPages: false } }
  const { operations } = new ApiDocument(describeApi({ ...config, ...off }))
  const others = operations.filter(path => !path.includes('host-meta'))
  expect(others).toEqual(['GET /healthz', 'GET /readyz', 'GET /openapi.json'])
})

function schemasIn(part: Part, place: readonly string[] = []): (readonly string[])[] {
  if (typeof part !== 'object' || part === null) return []
  if (place.at(-1) === 'schema' || place.at(-2) === 'schemas') return [place]
  return Object.entries(part).flatMap(([key, value]) => schemasIn(value, [...place, key]))
}

interface Layer {
  readonly rawPath: string | RegExp
  readonly route?: { readonly methods: Readonly<Record<string, true>> }
  readonly handle: { readonly stack?: readonly Layer[] }
}

/** Methods and paths of routers, such as `POST /warm`. */
function routesOf(layers: readonly Layer[], above = ''): string[] {
  return layers.flatMap(({ rawPath, route, handle }) => {
    const path = above + (rawPath === '/' && above !== '' ? '' : template(rawPath))
    if (route === undefined) return handle.stack === undefined ? [] : routesOf(handle.stack, path === '/' ? '' : path)
    const methods = Object.keys(route.methods).filter(method => method !== '_all')
    return methods.map(method => `${method.toUpperCase()} ${path}`)
  })
}

/** A path as the document writes it: `^\/(?:(?<id>…)|[^/]+)\/resume\/?$` is `/{id}/resume`. */
function template(path: string | RegExp): string {
  if (typeof path === 'string') return path
  const written = path.source.replaceAll('\\/', '/').replace(/^\^|\/\?\$$/g, '')
  return written.replaceAll(/\(\?<(\w+)>(?:\([^)]*\)|[^()])*\)/g, '{$1}').replaceAll('(?:{id}|[^/]+)', '{id}')
}
