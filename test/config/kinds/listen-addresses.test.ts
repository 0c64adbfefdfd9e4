import { describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../../support/certificates.js'
import { load, problems } from '../../support/settings.js'
import { testFolder } from '../../support/test-folder.js'

const { file } = testFolder()
const TLS_CERT = file('own.pem', Object.values(makeCertificate(['DNS:localhost'])).join(''))

const written = (places: readonly { host: string; port: number }[] = []) =>
  places.map(({ host, port }) => `${host} ${port}`)
const places = (environment: Record<string, string>) => written(load(environment).config.listen.places)
const securePlaces = (environment: Record<string, string>) =>
  written(load({ TLS_CERT, ...environment }).config.https?.places)

describe('listening addresses', () => {
  test.each<[string, Record<string, string>, readonly string[]]>([
    [
      'several addresses',
      { HOST: '127.0.0.1, [::1],::1, LocalHost' },
      ['127.0.0.1 8080', '::1 8080', 'localhost 8080'],
    ],
    ['several ports', { PORT: '8080, 8081,8080' }, ['127.0.0.1 8080', '127.0.0.1 8081']],
    ['several free ports', { PORT: '0,0' }, ['127.0.0.1 0', '127.0.0.1 0']],
    ['an address with its own port', { HOST: '127.0.0.1,127.0.0.1:8080' }, ['127.0.0.1 8080']],
    [
      'addresses with their own ports',
      { HOST: '127.0.0.1:80,[::1]:81,::2,chat.example:82', PORT: '8080,8081' },
      ['127.0.0.1 80', '::1 81', '::2 8080', '::2 8081', 'chat.example 82'],
    ],
    [
      'Unix sockets, whatever PORT is',
      { HOST: 'unix:/run/a,127.0.0.1,unix:/run/a', PORT: '1,2' },
      ['unix:/run/a 0', '127.0.0.1 1', '127.0.0.1 2'],
    ],
    ['a Unix socket alone', { HOST: 'unix:/run/a', PORT: 'off' }, ['unix:/run/a 0']],
    ['without TLS at the usual port', { TLS_CERT, HTTPS_HOST: '0.0.0.0' }, ['127.0.0.1 8080']],
  ])('may be %s, each once', (_what, environment, found) => {
    expect(places(environment)).toEqual(found)
  })

  test.each<[string, Record<string, string>, readonly string[]]>([
    ['the addresses without TLS, at other ports', { HOST: '127.0.0.1:80,::1' }, ['127.0.0.1 8443', '::1 8443']],
    ['several ports', { HTTPS_PORT: '443,444' }, ['127.0.0.1 443', '127.0.0.1 444']],
    ['no Unix sockets of HOST', { HOST: 'unix:/run/a,127.0.0.1' }, ['127.0.0.1 8443']],
    ['Unix sockets of their own', { HTTPS_HOST: 'unix:/run/a' }, ['unix:/run/a 0']],
    ['other addresses', { HTTPS_HOST: '0.0.0.0,[::2]:443' }, ['0.0.0.0 8443', '::2 443']],
    [
      'the only addresses',
      { HTTPS_HOST: '0.0.0.0,[::2]:443', PORT: 'off', HTTPS_PORT: '444' },
      ['0.0.0.0 444', '::2 443'],
    ],
    ['a port of another address', { HOST: '127.0.0.1:443', HTTPS_HOST: '192.0.2.1:443' }, ['192.0.2.1 443']],
  ])('with TLS may be %s', (_what, environment, found) => {
    expect(securePlaces(environment)).toEqual(found)
  })

  test('cause a warning if they are Unix sockets that every user can open', () => {
    const warnings = (SOCKET_MODE: string) =>
      load({ HOST: 'unix:/run/a', TRUSTED_PROXIES: 'none', SOCKET_MODE }).warnings
    expect(warnings('660')).toEqual([])
    expect(warnings('666')).toEqual([expect.stringMatching(/^SOCKET_MODE lets every user .* open \/run\/a, and claim/)])
  })

  const isNone =
    'which is neither an IP address nor a host name, with a port or without, nor unix: and an absolute path of at most 107 bytes'

  test.each([
    [{ PORT: 'off', HOST: '127.0.0.1:80' }, 'PORT is off, but HOST has a port'],
    [{ HTTPS_PORT: 'off', HTTPS_HOST: '127.0.0.1:443' }, 'HTTPS_PORT is off, but HTTPS_HOST has a port'],
    [{ HTTPS_HOST: '127.0.0.1', TLS_CERT: '' }, 'TLS_CERT is required for HTTPS_HOST: name a PEM file'],
  ])('cannot be %p', (environment, problem) => {
    expect(problems({ TLS_CERT, ...environment })).toEqual([expect.stringContaining(problem)])
  })

  test.each([
    [{ HOST: ',' }, 'HOST must have an address, such as 127.0.0.1'],
    [{ HOST: '127.0.0.1,!' }, `HOST has "!", ${isNone}`],
    [{ PORT: '8080,x' }, 'PORT must be ports from 0 to 65535, separated by commas, or off'],
    [{ PORT: 'off' }, 'PORT is off, and there is no HTTPS_PORT: the service would not listen'],
    [{ HOST: 'unix:http.sock' }, `HOST has "unix:http.sock", ${isNone}`],
    [{ HOST: `unix:/${'f'.repeat(106)}` }, undefined],
    [{ HOST: `unix:/${'f'.repeat(107)}` }, `HOST has "unix:/${'f'.repeat(107)}", ${isNone}`],
    [{ HOST: 'unix:/run/a', HTTPS_PORT: '8443' }, 'HTTPS_HOST is required for HTTPS_PORT: HOST has only Unix sockets'],
    [{ SOCKET_MODE: '66' }, 'SOCKET_MODE must be three octal digits, such as 660, not "66"'],
    [{ PROXY_PROTOCOL: 'on', TRUSTED_PROXIES: 'none' }, 'PROXY_PROTOCOL is on, but no proxy is trusted'],
    [{ PROXY_PROTOCOL: 'on', TRUSTED_PROXIES: 'none', HOST: 'unix:/run/a' }, undefined],
  ])('given as %p: %s', (environment, problem) => {
    const found = problems(environment)
    if (problem === undefined) expect(found).toEqual([])
    else expect(found).toContainEqual(expect.stringContaining(problem))
  })
})

describe('two addresses', () => {
  const SEAL_KEY_FILE = file('seal.key', Buffer.alloc(32, 1).toString('base64'))
  const redis = { REDIS_URL: 'redis://127.0.0.1', SEAL_KEY_FILE }
  const used = (name: string, place: string, other: string, taken: string) =>
    `${name} needs ${place}, but ${other} needs ${taken}: choose another for one of them`

  test.each<[string, Record<string, string>, string]>([
    ['HTTPS_PORT and PORT', { HTTPS_PORT: '8080' }, used('HTTPS_PORT', '127.0.0.1:8080', 'PORT', '127.0.0.1:8080')],
    ['METRICS_ADDRESS and PORT', { PORT: '9110' }, used('METRICS_ADDRESS', '127.0.0.1:9110', 'PORT', '127.0.0.1:9110')],
    ['in HOST', { HOST: '0.0.0.0,127.0.0.2' }, used('PORT', '127.0.0.2:8080', 'PORT', '0.0.0.0:8080')],
    ['in HOST of IPv6', { HOST: '::1,::' }, used('PORT', '[::]:8080', 'PORT', '[::1]:8080')],
    [
      'of Unix sockets',
      { HOST: 'unix:/run/a.sock', HTTPS_HOST: 'unix:/run/a.sock' },
      used('HTTPS_PORT', 'unix:/run/a.sock', 'PORT', 'unix:/run/a.sock'),
    ],
    [
      'PEER_LISTEN and METRICS_ADDRESS',
      { METRICS_ADDRESS: '[::1]:9191', PEER_LISTEN: '[::]:9191', ...redis },
      used('PEER_LISTEN', '[::]:9191', 'METRICS_ADDRESS', '[::1]:9191'),
    ],
  ])('that are one, %s, are a problem', (_what, environment, problem) => {
    const https = environment['HTTPS_PORT'] || environment['HTTPS_HOST'] ? { TLS_CERT } : {}
    expect(problems({ ...environment, ...https })).toEqual([problem])
  })

  test('that differ are none', () => {
    const free = { HOST: '0.0.0.0:0,127.0.0.1:0', METRICS_ADDRESS: '127.0.0.1:0' }
    const families = { HOST: '0.0.0.0,::', METRICS_ADDRESS: '127.0.0.1:8081' }
    const workers = { METRICS_ADDRESS: '127.0.0.1:9191', PEER_LISTEN: '127.0.0.1:9191', WORKERS: '2', ...redis }
    for (const environment of [free, families, workers]) expect(problems(environment)).toEqual([])
  })
})
