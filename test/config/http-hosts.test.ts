import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { readHostName } from '../../src/config/kinds/kinds.js'
import { configOfHost, urlOfDomain } from '../../src/config/serving.js'
import { load as loadAll, problemsOf } from '../support/settings.js'

const load = (environment: Record<string, string>) =>
  loadAll({ XMPP_DOMAINS: 'example.org,*.example.net', ...environment }).config
const hosts = (HTTP_HOSTS: string, environment = {}) =>
  Object.fromEntries(load({ HTTP_DEFAULT_HOST: 'none', ...environment, HTTP_HOSTS }).http.hosts)

const problems = (environment: Record<string, string>) => problemsOf(() => load(environment))

const paths = { boshPath: '/http-bind', warmPath: '/warm', websocketPath: '/xmpp-websocket' }

describe('HTTP_HOSTS', () => {
  const site = (domain: string | undefined, more = {}) => [{ domain, externalUrl: undefined, ...paths, ...more }]

  test.each<[string, string, object, Record<string, string>?]>([
    ['a domain, in one spelling', 'Chat.Example.ORG = Example.org', { 'chat.example.org': site('example.org') }],
    ['a port, which does not matter', 'a.example:8443=a.example.net', { 'a.example': site('a.example.net') }],
    [
      'no domain, if its name is the domain',
      'example.org:443?url=https://example.org',
      { 'example.org': site('example.org', { externalUrl: 'https://example.org' }) },
    ],
    ['no domain at all', 'web=,other=?bosh=/b', { web: site(undefined), other: site(undefined, { boshPath: '/b' }) }],
    [
      'an address and paths',
      'chat.example.org=example.org?url=https://chat.example.org/c/&bosh=/b&warm=off',
      {
        'chat.example.org': site('example.org', {
          ...{ externalUrl: 'https://chat.example.org/c', boshPath: '/b', warmPath: undefined },
        }),
      },
    ],
    [
      'its domain in its paths',
      'a=example.org,b=x.example.net?bosh=/at/$host/b.$host&warm=/w',
      {
        a: site('example.org', { boshPath: '/bosh/example.org', warmPath: '/warm/example.org' }),
        b: site('x.example.net', { boshPath: '/at/x.example.net/b.x.example.net', warmPath: '/w' }),
      },
      { BOSH_PATH: '/bosh/$host', WARM_PATH: '/warm/$host' },
    ],
    [
      'several domains, which its paths distinguish',
      'web=example.org,Web:443=x.example.net',
      {
        web: [
          ...site('example.org', { boshPath: '/example.org/http-bind' }),
          ...site('x.example.net', { boshPath: '/x.example.net/http-bind' }),
        ],
      },
      { BOSH_PATH: '/$host/http-bind' },
    ],
  ])('gives a host %s', (_what, text, found, environment = {}) => {
    expect(hosts(text, environment)).toEqual(found)
  })

  test.each([
    ['an invalid host', 'chat/=example.org', 'entry 1 must be like chat.example.org=example.org'],
    ['an address as domain', 'a=[::1]', 'entry 1 must be like chat.example.org=example.org'],
    ['a host twice', 'a=example.org,A:80=example.org', 'lists a twice'],
    [
      'two domains at one path',
      'a=example.org,a=x.example.net?warm=/w',
      'for a has the same path for example.org and x',
    ],
    [
      'a path inside another',
      'a=example.org?bosh=/b,a=?bosh=/c&warm=/warm/w',
      'for a has the same path for example.org',
    ],
    ['$host for a host without a domain', 'a=?bosh=/$host/b', 'for a has no domain to replace $host in a path'],
    ['a domain that is not allowed', 'a=evil.example', 'for a has the domain evil.example'],
    ['an unknown option', 'a=example.org?port=1', 'for a has an unknown option "port"'],
    ['an option twice', 'a=example.org?warm=off&warm=/w', 'for a has the option warm twice'],
    ['an invalid path', 'a=example.org?bosh=b', 'for a has bosh, which must look like /chat/warm'],
    ['an invalid URL', 'a=example.org?url=chat', 'for a has url, which must be an http or https URL'],
    ['one path for two endpoints', 'a=example.org?bosh=/warm', 'for a has the same path for two endpoints'],
    ['a reserved path', 'a=example.org?bosh=/.well-known/host-meta', 'for a has a path that does not lie outside of'],
  ])('cannot have %s', (_what, HTTP_HOSTS, problem) => {
    const found = problems({ HTTP_HOSTS })
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`HTTP_HOSTS ${problem}`)
  })

  test('reports every invalid entry', () => {
    expect(problems({ HTTP_HOSTS: '!=x,a=example.org?x=1,a=example.org' })).toHaveLength(3)
  })
})

test('docs/production.md has an entry for each of two hosts', () => {
  const document = readFileSync(new URL('../../docs/production.md', import.meta.url), 'utf8')
  const [, example] = /^HTTP_HOSTS='([^']+)'$/m.exec(document)!
  expect(Object.keys(hosts(example!, { XMPP_DOMAINS: 'example.org,example.net' }))).toEqual([
    'chat.example.org',
    'chat.example.net',
  ])
})

describe('requests to a host that is not listed', () => {
  const HTTP_HOSTS = 'chat.example.org=example.org'

  test('may be answered like requests to one of the hosts', () => {
    const environment = { HTTP_HOSTS, HTTP_DEFAULT_HOST: 'CHAT.example.org:80' }
    expect(load(environment).http.defaultHost).toBe('chat.example.org')
  })

  test('cannot be answered by a host that is not listed, and not be refused without listed hosts', () => {
    expect(problems({ HTTP_HOSTS, HTTP_DEFAULT_HOST: 'x' })).toEqual([
      'HTTP_DEFAULT_HOST must be one of the hosts in HTTP_HOSTS, or none',
    ])
    expect(problems({ HTTP_DEFAULT_HOST: 'none' })).toEqual([
      'HTTP_DEFAULT_HOST=none needs HTTP_HOSTS: every request would be refused',
    ])
  })

  test('cannot be answered at a path with $host', () => {
    const message = (name: string) =>
      `${name} has $host, which has a value only for hosts in HTTP_HOSTS: also set HTTP_DEFAULT_HOST, for example to none`
    expect(problems({ BOSH_PATH: '/b/$host' })).toEqual([message('BOSH_PATH')])
    expect(problems({ WARM_PATH: '/w-$host' })).toEqual([message('WARM_PATH')])
    expect(problems({ WARM_PATH: '/w/$host', WARM_ENABLED: 'off' })).toEqual([])
    expect(problems({ WARM_PATH: '/w/$hosts' })[0]).toContain('WARM_PATH must look like')
  })
})

describe('endpoints', () => {
  test.each(['/assets', '/.well-known', '/.well-known/host-meta.json', '/openapi.json', '/readyz', '/healthz/x'])(
    'cannot be at %s, which is reserved',
    BOSH_PATH => {
      expect(problems({ BOSH_PATH })[0]).toMatch(/^BOSH_PATH must lie outside of \/assets, /)
    },
  )

  test('that are off may have any path, but not all may be off', () => {
    const same = { WARM_PATH: '/chat', BOSH_PATH: '/chat' }
    expect(problems({ ...same, WARM_ENABLED: 'off' })).toEqual([])
    expect(problems({ ...same, BOSH_ENABLED: 'off' })).toEqual([])
    const off = { WARM_ENABLED: 'off', BOSH_ENABLED: 'off', WEBSOCKET_ENABLED: 'off' }
    expect(problems(off)).toEqual([expect.stringContaining('are all off: nothing is left to serve')])
  })

  test.each([
    ['BOSH_PATH', '/http-bind/socket'],
    ['WARM_PATH', '/warm'],
  ])('of WebSocket and %s must differ', (other, WEBSOCKET_PATH) => {
    expect(problems({ WEBSOCKET_PATH })).toEqual([expect.stringContaining(`WEBSOCKET_PATH and ${other} must differ`)])
  })

  test('of WebSocket may be shared by several domains of a host, but not with other endpoints', () => {
    const several = 'a=example.org?bosh=/b,a=x.example.net?bosh=/c'
    expect(problems({ HTTP_HOSTS: several })).toEqual([])
    expect(problems({ HTTP_HOSTS: `${several}&websocket=/b` })).toHaveLength(1)
  })

  test('may have a default domain that is allowed', () => {
    expect(load({ BOSH_DEFAULT_DOMAIN: 'Example.org' }).bosh.defaultDomain).toBe('example.org')
    expect(problems({ BOSH_DEFAULT_DOMAIN: 'evil.example' })).toEqual([
      'BOSH_DEFAULT_DOMAIN must be a domain that XMPP_DOMAINS allows',
    ])
    expect(problems({ BOSH_DEFAULT_DOMAIN: '!' })).toEqual([
      'BOSH_DEFAULT_DOMAIN must be a domain, such as example.org',
    ])
  })
})

describe('the settings of a host', () => {
  const config = load({
    HTTP_HOSTS: 'a=example.org?url=https://a.example/x&warm=off,b=x.example.net?bosh=/b',
    ADMIN_USERS: 'all:1',
    EXTERNAL_URL: 'https://chat.example',
  })
  const of = (name: string) => configOfHost(config, [config.http.hosts.get(name)![0]!])

  test('allow its domain alone, or all domains if it has none, for clients and for admins', () => {
    const allowed = ({ domains, admins, bosh }: ReturnType<typeof of>) => [
      domains,
      admins.map(admin => admin.domains),
      bosh.defaultDomain,
    ]
    expect(allowed(of('b'))).toEqual([['x.example.net'], [['x.example.net']], 'x.example.net'])
    const every = load({ HTTP_HOSTS: 'web.example=', BOSH_DEFAULT_DOMAIN: 'example.org' })
    const ofEvery = configOfHost(every, [every.http.hosts.get('web.example')![0]!])
    expect(allowed(ofEvery)).toEqual([['example.org', '*.example.net'], [['*']], 'example.org'])
  })

  test('allow no domain for an admin of other domains', () => {
    const admins = [{ name: 'other', secret: 'x', domains: ['example.org'], role: 'all' as const }]
    expect(configOfHost({ ...config, admins }, [config.http.hosts.get('b')![0]!]).admins[0]!.domains).toEqual([])
  })

  test('have its addresses and only its endpoints', () => {
    expect(of('a')).toMatchObject({
      ...{ externalUrl: 'https://a.example/x', boshPath: '/http-bind' },
      warm: { enabled: false },
      bosh: { enabled: true },
    })
    expect(of('b')).toMatchObject({ externalUrl: undefined, boshPath: '/b', warm: { enabled: true } })
  })

  test('have the address for browsers if a host has the domain', () => {
    expect(urlOfDomain(config, 'example.org')).toBe('https://a.example/x/http-bind')
    expect(urlOfDomain(config, 'x.example.net')).toBeUndefined()
    expect(urlOfDomain(config, 'other.example.net')).toBeUndefined()
  })
})

test.each([
  ['chat.example.org', 'chat.example.org'],
  ['CHAT.example.ORG:8443', 'chat.example.org'],
  ['chat.example.org.', 'chat.example.org'],
  ['127.0.0.1:80', '127.0.0.1'],
  ['[::1]:80', '[::1]'],
  ['chat example', undefined],
  ['', undefined],
])('the Host header %s names the host %s', (header, name) => {
  expect(readHostName(header)).toBe(name)
})
