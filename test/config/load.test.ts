import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { load, problems } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

describe('with nothing but the required settings, the service', () => {
  test('treats an empty or blank setting as not set', () => {
    const { config, values } = load({ PORT: '', LOG_LEVEL: '  ', XMPP_SERVERS: '', ADMIN_USERS_FILE: '' })
    expect(load({})).toMatchObject({ config, values })
  })

  test('has a frozen configuration', () => {
    const { config } = load({ XMPP_SERVERS: 'example.org=xmpp://localhost' })
    const parts = [config, config.bosh, config.warm, config.admins, config.admins[0], config.domains]
    for (const part of [...parts, config.servers.get('example.org')]) expect(part).toBeDefined()
    for (const part of [...parts, config.servers.get('example.org')]) expect(Object.isFrozen(part)).toBe(true)
  })
})

describe('without the required settings', () => {
  test('the error has an example of each required setting, also for an empty file and a list of commas', () => {
    const empty = file('empty', '# later\n\n')
    for (const given of [{ XMPP_DOMAINS: undefined }, { ADMIN_USERS_FILE: empty, XMPP_DOMAINS: ' , ' }])
      expect(problems({ ADMIN_USERS: '', ...given })).toEqual([
        'ADMIN_USERS is required, or ADMIN_USERS_FILE: name an account that may call the warm API, for example ADMIN_USERS=portal:a-long-random-secret',
        'XMPP_DOMAINS is required: list the domains whose users may log in, for example XMPP_DOMAINS=example.org,*.example.net',
      ])
  })

  test('the error names a misspelt setting', () => {
    expect(problems({ ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: undefined, XMPP_DOMAIN: 'example.org' })).toEqual([
      expect.stringMatching(/^XMPP_DOMAINS is required/),
      'XMPP_DOMAIN is not a setting of this service. Did you mean XMPP_DOMAINS?',
    ])
  })
})

describe('when settings are wrong', () => {
  const wrong = {
    HOST: 'not a host',
    PORT: '70000',
    ADMIN_USERS: 'portal',
    XMPP_DOMAINS: 'exa mple.org',
    BOSH_MAX_WAIT: '60s',
    LOG_LEVEL: 'loud',
    WARM_PATH: '/http-bind/warm',
  }

  test('each error is reported, by name, including rules for several settings', () => {
    expect(problems(wrong)).toEqual([
      'HOST has "not a host", which is neither an IP address nor a host name, with a port or without, nor unix: and an absolute path of at most 107 bytes',
      'PORT must be ports from 0 to 65535, separated by commas, or off',
      'ADMIN_USERS entry 1 has no colon: write name:secret, and %2C for a comma inside',
      'XMPP_DOMAINS has "exa mple.org", which is neither a domain nor *.domain nor *',
      'BOSH_MAX_WAIT must be a whole number from 1 to 3600, not "60s"',
      'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "loud"',
      'WARM_PATH and BOSH_PATH must differ, and neither may lie inside the other',
    ])
    expect(() => load(wrong)).toThrow(['The settings are invalid:', ...problems(wrong)].join('\n- '))
  })

  test('no problem contains a secret, whatever is wrong with its account', () => {
    const secret = 'hunter2'
    const faults = [
      secret,
      `portal:${secret}:${secret}`,
      `:${secret}`,
      `a:1,a:2,a:${secret}`,
      `portal:${secret}%`,
      `portal:x,${secret}`,
      `portal:x,${secret}:y,${secret}:z,${secret}:z`,
      `a:1,b:${secret}:role=${secret}`,
      `portal:\u0001${secret}`,
      `por%3Atal:${secret}`,
    ]
    for (const [index, fault] of faults.entries()) {
      const inFile = file(`fault-${index}`, `${fault.replaceAll(',', '\n')}!!`)
      const said = [...problems({ ADMIN_USERS: fault }), ...problems({ ADMIN_USERS_FILE: inFile })]
      expect(said).not.toEqual([])
      expect(said.join()).not.toContain(secret)
    }
  })
})

test.each(['-1', '1.5', '1e3', '0x10', 'ten', '65536', '99999999999999999999'])(
  'a number cannot be written as %s',
  PORT => {
    expect(problems({ PORT })).toHaveLength(1)
  },
)

test('a switch may be on or off, true or false, 1 or 0, yes or no', () => {
  const read = (word: string) => load({ ASSUME_SECURE: word }).config.assumeSecure
  expect(['on', 'TRUE', '1', 'yes'].map(read)).toEqual([true, true, true, true])
  expect(['off', 'False', '0', 'no'].map(read)).toEqual([false, false, false, false])
  expect(problems({ ASSUME_SECURE: 'maybe' })).toEqual(['ASSUME_SECURE must be on or off, not "maybe"'])
})

describe('admins', () => {
  const admins = (environment: Record<string, string>) => load(environment).config.admins

  test('are separated by commas, may look like JIDs, and have three escapes', () => {
    expect(admins({ ADMIN_USERS: 'portal@example.org:a%2Cb%3ac%2525, second:é#"' })).toEqual([
      { name: 'portal@example.org', secret: 'a,b:c%25', domains: ['*'], role: 'all' },
      { name: 'second', secret: 'é#"', domains: ['*'], role: 'all' },
    ])
  })

  test('can also be in a file, with domains that they are limited to', () => {
    const text =
      '\uFEFF# who may warm\r\n\r\nshop:a b,c\r\n  # two domains\nnews:x%3Ay:Example.ORG  *.example.net [::1]\n'
    expect(admins({ ADMIN_USERS_FILE: file('admins', text) })).toEqual([
      { name: 'portal', secret: 's3cret', domains: ['*'], role: 'all' },
      { name: 'shop', secret: 'a b,c', domains: ['*'], role: 'all' },
      { name: 'news', secret: 'x:y', domains: ['example.org', '*.example.net', '[::1]'], role: 'all' },
    ])
  })

  test('are named by entry in problems', () => {
    expect(
      problems({
        ADMIN_USERS:
          'a:1,a:1,b,:c,d:,e:f:g,h:100%,i%3Aj:k,l:m:role=none,n:o:role=read,n:p,n:q:role=read,n:r:role=read,',
      }),
    ).toEqual([
      'ADMIN_USERS entry 2 has the name of an earlier account, and the same secret: keep one of the two',
      'ADMIN_USERS entry 3 has no colon: write name:secret, and %2C for a comma inside',
      'ADMIN_USERS entry 4 has no name or no secret',
      'ADMIN_USERS entry 5 has no name or no secret',
      'ADMIN_USERS entry 6 has too many colons: write %3A inside a secret',
      'ADMIN_USERS entry 7 has a % that is not %2C, %3A or %25: write %25',
      'ADMIN_USERS entry 8 has a colon in its name, which HTTP Basic cannot carry',
      'ADMIN_USERS entry 9 has a role that is not one of all, warm, read: write for example role=read',
      'ADMIN_USERS entry 11 has the name of an earlier account, but other domains or another role: write the same for both secrets',
      'ADMIN_USERS entry 13 has the name of an earlier account, which has two secrets already: remove the oldest',
      'ADMIN_USERS entry 14 has no colon: write name:secret, and %2C for a comma inside',
    ])
  })

  test('are named by line of the file in problems', () => {
    const ADMIN_USERS_FILE = file('faulty', '# comment\na:1:\nb:2:not/a/domain\nc:3:example.org\nc:4\n')
    expect(problems({ ADMIN_USERS_FILE })).toEqual([
      expect.stringMatching(/^ADMIN_USERS_FILE line 2 has no list of domains after the secret/),
      expect.stringMatching(/^ADMIN_USERS_FILE line 3 has no list of domains/),
      'ADMIN_USERS_FILE line 5 has the name of an earlier account, but other domains or another role: write the same for both secrets',
    ])
  })

  test('have a role if they name one, with or without domains', () => {
    const ADMIN_USERS_FILE = file('roles', 'one:1:role=read\ntwo:2:example.org role=warm\nthree:3:* role=all\n')
    expect(admins({ ADMIN_USERS: 'zero:0:role=warm' })).toMatchObject([{ name: 'zero', role: 'warm' }])
    // All may be in the file.
    expect(admins({ ADMIN_USERS: '', ADMIN_USERS_FILE })).toEqual([
      { name: 'one', secret: '1', domains: ['*'], role: 'read' },
      { name: 'two', secret: '2', domains: ['example.org'], role: 'warm' },
      { name: 'three', secret: '3', domains: ['*'], role: 'all' },
    ])
  })

  test('may have two secrets, in one place or in both', () => {
    const secrets = (environment: Record<string, string>) => admins(environment).map(({ secret }) => secret)
    expect(secrets({ ADMIN_USERS: 'portal:new,portal:old' })).toEqual(['new', 'old'])
    expect(secrets({ ADMIN_USERS_FILE: file('again', 'portal:other') })).toEqual(['s3cret', 'other'])
    expect(problems({ ADMIN_USERS_FILE: file('thrice', 'portal:second\nportal:third') })).toEqual([
      'ADMIN_USERS_FILE has an account with the name of an account in ADMIN_USERS, which has two secrets already: remove the oldest',
    ])
    expect(problems({ ADMIN_USERS_FILE: file('other', 'portal:other:example.org') })).toEqual([
      'ADMIN_USERS_FILE has an account with the name of an account in ADMIN_USERS, but other domains or another role: write the same for both secrets',
    ])
  })
})

describe('addresses of the service', () => {
  test('may have an external URL, without a slash at its end', () => {
    const read = (EXTERNAL_URL: string) => load({ EXTERNAL_URL }).config.externalUrl
    expect(read('https://Chat.example.org/')).toBe('https://chat.example.org')
    expect(read('http://localhost:8080/chat//')).toBe('http://localhost:8080/chat')
  })

  const wanted = 'must be an http or https URL without user and query, such as https://chat.example.org'
  test.each([
    ['chat.example.org', wanted],
    ['ftp://chat.example.org', wanted],
    ['https://chat.example.org/?', wanted],
    ['https://user:password@chat.example.org', wanted],
    ['https://chat.example.org/a;b', 'has a semicolon in its path, which cookies cannot have in theirs'],
  ])('cannot have %s as external URL', (EXTERNAL_URL, problem) => {
    expect(problems({ EXTERNAL_URL })).toEqual([`EXTERNAL_URL ${problem}`])
  })

  test.each(['/', 'warm', '/warm/', '//warm', '/a//b', '/warm?x', '/wärm', '/a%20b', '/a/../b', '/.'])(
    'cannot have the path %s',
    WARM_PATH => {
      expect(problems({ WARM_PATH })).toEqual([
        'WARM_PATH must look like /chat/warm: letters, digits, "-", ".", "_", "~", and no slash at the end',
      ])
    },
  )

  test('may have paths that begin alike, but no path inside another', () => {
    const both = (WARM_PATH: string, BOSH_PATH: string) => problems({ WARM_PATH, BOSH_PATH }).length
    expect(both('/chat/warm', '/chat/bosh')).toBe(0)
    expect(both('/bosh-warm', '/bosh')).toBe(0)
    expect(both('/bosh', '/bosh')).toBe(1)
    expect(both('/Bosh', '/bosh')).toBe(0)
    expect(both('/bosh/warm', '/bosh')).toBe(1)
    expect(both('/warm', '/warm/bosh')).toBe(1)
  })
})

test('a server whose certificate is not checked gives a warning', () => {
  expect(load({ XMPP_SERVERS: '*=xmpp://localhost?verify=off' }).warnings).toEqual([
    'XMPP_SERVERS has verify=off for *: an attacker in between can pose as its server and read passwords.',
  ])
})

test.each([
  ['loopback', []],
  ['172.30.83.1, 10.1.2.0/24, fd00::7', []],
  ['private', ['private']],
  ['loopback, Any, 10.0.0.0/8', ['Any', '10.0.0.0/8']],
  ['0.0.0.0/0, ::/0', ['0.0.0.0/0', '::/0']],
])('with TRUSTED_PROXIES=%s, networks that clients could be in give a warning', (TRUSTED_PROXIES, wide) => {
  expect(load({ TRUSTED_PROXIES }).warnings).toEqual(
    wide.map(
      entry =>
        `TRUSTED_PROXIES has ${entry}: clients with such an address can claim any other address, and so avoid limits per address. List only the addresses of proxies.`,
    ),
  )
})

test.each([
  ['BOSH_DENY', '203.0.113.7'],
  ['HTTP_STRICT_HOST', 'on'],
  ['LINK_RESUME', 'off'],
  ['XMPP_TLS_MIN_VERSION', '1.3'],
  ['XMPP_TLS_CIPHERS', 'ECDHE+AESGCM'],
  ['CREDENTIAL_TIME', '3600'],
  ['RATE_WARMS_PER_ADMIN', '100'],
])('the service does not start with the former setting %s=%s, which would now be missed', (name, value) => {
  expect(problems({ [name]: value })).toEqual([`${name} is no longer a setting: CHANGELOG.md says what replaces it`])
  for (const unset of ['', value === 'off' ? 'on' : 'off']) expect(problems({ [name]: unset })).toEqual([])
})

test('a public address without TLS gives a warning if the warm API would refuse calls', () => {
  const ADMIN_USERS = 'portal:a-long-s3cret'
  const warnings = (environment: Record<string, string>) => load({ ADMIN_USERS, ...environment }).warnings
  const risk = (places: string) => expect.stringMatching(`^/warm refuses calls without TLS to ${places} with 403`)
  expect(warnings({ HOST: '127.0.0.1, 0.0.0.0:80', PORT: '8081' })).toEqual([risk('0\\.0\\.0\\.0:80')])
  expect(warnings({ HOST: '::', PORT: '8081,8082' })).toEqual([risk('\\[::\\]:8081, \\[::\\]:8082')])
  expect(warnings({ HOST: '::1, localhost' })).toEqual([])
  expect(warnings({ HOST: '::', ASSUME_SECURE: 'on' })).toEqual([])
  expect(warnings({ HOST: '::', WARM_ENABLED: 'pages' })).toHaveLength(1)
  expect(warnings({ HOST: '::', WARM_ENABLED: 'off', ADMIN_USERS: '' })).toEqual([])
})

test('settings that contradict each other, or this machine, give a warning', () => {
  const { cert, key } = makeCertificate(['DNS:xmpp.example'], { expired: true })
  const own = file('expired-client.pem', cert + key)
  const { warnings } = load({
    EXTERNAL_URL: 'http://chat.example',
    REQUIRE_SECURE: 'on',
    XMPP_SERVERS: `example.org=xmpp://xmpp.example?ca=${file('expired.pem', cert)},example.net=xmpp://a.example?cert=${own}`,
    WORKERS: String(2 * availableParallelism() + 1),
    REDIS_URL: 'redis://127.0.0.1',
    SEAL_KEY_FILE: file('seal.key', randomBytes(32).toString('base64')),
  })
  expect(warnings).toEqual([
    'REQUIRE_SECURE=on refuses the sessions of EXTERNAL_URL, which begins with http://.',
    expect.stringMatching(/^WORKERS is \d+, but this machine has \d+ cores/),
    'XMPP_SERVERS has ca for example.org, whose certificate has expired.',
    'XMPP_SERVERS has cert for example.net, whose certificate has expired.',
  ])
})

test('a domain that is served and retired causes a warning', () => {
  const both = {
    XMPP_DOMAINS: 'a.example,b.example,*.c.example',
    XMPP_RETIRED_DOMAINS: 'b.example,*.c.example,*.d.example',
  }
  expect(load(both).warnings).toEqual([
    'XMPP_DOMAINS has b.example, but XMPP_RETIRED_DOMAINS has it too: its users cannot log in.',
    'XMPP_DOMAINS has *.c.example, but XMPP_RETIRED_DOMAINS has it too: its users cannot log in.',
  ])
  const one = { XMPP_DOMAINS: '*,*.example', XMPP_RETIRED_DOMAINS: 'b.example' }
  expect(load(one).warnings.filter(warning => warning.includes('RETIRED'))).toEqual([])
})

test('an entry for a domain that is not served causes a warning', () => {
  const noEffect = 'which XMPP_DOMAINS does not allow: the entry has no effect.'
  const typo = { XMPP_SERVERS: 'exmaple.org=xmpp://127.0.0.1', XMPP_SERVICE_ACCOUNTS: 'exmaple.org=p:q,*=p:q' }
  expect(load({ XMPP_DOMAINS: 'example.org', ...typo }).warnings).toEqual([
    `XMPP_SERVERS has exmaple.org, ${noEffect}`,
    `XMPP_SERVICE_ACCOUNTS has exmaple.org, ${noEffect}`,
  ])
  const retired = { XMPP_RETIRED_DOMAINS: 'exmaple.org', XMPP_SERVERS: typo.XMPP_SERVERS }
  expect(load({ XMPP_DOMAINS: 'example.org', ...retired }).warnings).toEqual([])
})

test('origins whose pages may log in, but not use the session, cause warnings', () => {
  const pages = { PAGE_ORIGINS: 'https://a.example,https://b.example', PAGE_GUESTS: 'example.org' }
  const warningsWith = (more: object) => load({ XMPP_DOMAINS: 'example.org', ...pages, ...more }).warnings
  const lists = { CORS_ORIGINS: 'https://a.example', WEBSOCKET_ORIGINS: 'none' }
  expect(warningsWith(lists)).toEqual([
    'CORS_ORIGINS lacks https://b.example of PAGE_ORIGINS: its pages cannot use BOSH, unless this service has the same origin.',
    'WEBSOCKET_ORIGINS lacks https://a.example of PAGE_ORIGINS: its pages cannot use WebSocket.',
    'WEBSOCKET_ORIGINS lacks https://b.example of PAGE_ORIGINS: its pages cannot use WebSocket.',
  ])
  expect(warningsWith({ ...lists, BOSH_ENABLED: 'off', WEBSOCKET_ENABLED: 'off' })).toEqual([])
  expect(warningsWith({ ATTACH_BINDING: 'cookie', EXTERNAL_URL: 'https://a.example' })).toEqual([
    'CORS_ORIGINS lacks https://b.example of PAGE_ORIGINS: its pages cannot use the cookie of ATTACH_BINDING, unless this service has the same origin.',
  ])
  expect(warningsWith({})).toEqual([])
})

test('a value with a NUL is a problem', () => {
  expect(problems({ WARM_PATH: '/wa\0rm' })).toEqual(['WARM_PATH has a NUL character'])
})

test('pages for admins need an admin who may look', () => {
  expect(() => load({ ADMIN_USERS: 'portal:a-long-s3cret:role=warm', WARM_ENABLED: 'pages' })).toThrow(
    'WARM_ENABLED=pages needs an admin who may see the pages: all have role=warm',
  )
  expect(() => load({ ADMIN_USERS: '', WARM_ENABLED: 'pages' })).toThrow(
    'ADMIN_USERS is required for WARM_ENABLED=pages, or ADMIN_USERS_FILE: name an account that may open the pages for admins',
  )
})
