import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { problems } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

describe('two addresses', () => {
  const cert = () => file('own.pem', Object.values(makeCertificate(['DNS:a.example'])).join(''))
  const redis = () => ({
    REDIS_URL: 'redis://127.0.0.1',
    SEAL_KEY_FILE: file('seal.key', randomBytes(32).toString('base64')),
  })
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
      { METRICS_ADDRESS: '[::1]:9191', PEER_LISTEN: '[::]:9191', ...redis() },
      used('PEER_LISTEN', '[::]:9191', 'METRICS_ADDRESS', '[::1]:9191'),
    ],
  ])('that are one, %s, are a problem', (_what, environment, problem) => {
    const https = environment['HTTPS_PORT'] || environment['HTTPS_HOST'] ? { TLS_CERT: cert() } : {}
    expect(problems({ ...environment, ...https })).toEqual([problem])
  })

  test('that differ are none', () => {
    const free = { HOST: '0.0.0.0:0,127.0.0.1:0', METRICS_ADDRESS: '127.0.0.1:0' }
    const families = { HOST: '0.0.0.0,::', METRICS_ADDRESS: '127.0.0.1:8081' }
    const workers = { METRICS_ADDRESS: '127.0.0.1:9191', PEER_LISTEN: '127.0.0.1:9191', WORKERS: '2', ...redis() }
    for (const environment of [free, families, workers]) expect(problems(environment)).toEqual([])
  })
})
