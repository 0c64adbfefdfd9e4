import { describe, expect, test } from '@jest/globals'
import { loadConfig } from '../../src/config/load.js'
import { problemsOf } from '../support/config-problems.js'

const required = { ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'example.org' }
const load = (environment: Record<string, string>) =>
  loadConfig({ ...required, ...environment }).config.listen

const problems = (environment: Record<string, string>) => problemsOf(() => load(environment))

describe('what is listened on', () => {
  test('may be several addresses, each once', () => {
    expect(load({ HOST: '127.0.0.1, [::1],::1, localhost' }).hosts).toEqual(['127.0.0.1', '::1', 'localhost'])
  })

  test('may be several ports', () => {
    expect(load({ PORT: '8080, 8081,8080' }).ports).toEqual([8080, 8081])
    expect(load({ PORT: '0,0' }).ports).toEqual([0, 0])
  })

  test.each([
    [{ HOST: ',' }, 'HOST must have an address, such as 127.0.0.1'],
    [{ HOST: '127.0.0.1,!' }, 'HOST has "!", which is neither an IP address nor a host name'],
    [{ PORT: '8080,' }, undefined],
    [{ PORT: '8080,x' }, 'PORT must be ports from 0 to 65535, separated by commas, or off'],
    [{ PORT: ',' }, 'PORT must be ports from 0 to 65535, separated by commas, or off'],
    [{ PORT: 'off' }, 'PORT is off, and there is no HTTPS_PORT: nothing is left to listen on'],
    [
      { PORT: '8443', HTTPS_PORT: '8443', TLS_CERT: '' },
      'HTTPS_PORT and PORT must differ: a port is for one of the two',
    ],
    [{ LISTEN_BACKLOG: '0' }, 'LISTEN_BACKLOG must be a whole number from 1 to 65535, not "0"'],
  ])('as %p: %s', (environment, problem) => {
    const found = problems(environment as unknown as Record<string, string>)
    if (problem === undefined) expect(found).toEqual([])
    else expect(found).toContain(problem)
  })

  test.each(['TLS_CERTS', 'HTTP_HOST', 'HTTPS_PORTS', 'LISTEN_BACKLOGS', 'MAX_CONNECTION', 'HOST_META'])(
    '%s is told apart from its neighbour',
    name => {
      expect(loadConfig({ ...required, [name]: 'x' }).unknown).toHaveLength(1)
    },
  )

  test.each(['HTTP_PROXY', 'HTTPS_PROXY', 'HOSTNAME', 'HTTP_PORT'])('%s is not taken for ours', name => {
    expect(loadConfig({ ...required, [name]: 'x' }).unknown).toEqual([])
  })
})
