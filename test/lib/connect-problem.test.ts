import { networkInterfaces } from 'node:os'
import { expect, test } from '@jest/globals'
import { connectProblem } from '../../src/lib/connect-problem.js'

const error = (code: string, about: object = {}) =>
  Object.assign(new Error(code), { code, syscall: 'connect', ...about })
const hasIPv6 = Object.values(networkInterfaces()).some(own => own?.some(({ family }) => family === 'IPv6'))

test.each([
  ['a process has no descriptor', error('EMFILE'), 'service-full'],
  ['the system has no descriptor', error('ENFILE'), 'service-full'],
  ['no local port is free', error('EADDRNOTAVAIL', { address: '127.0.0.1' }), 'local-ports-exhausted'],
  [
    'no port is free for one of several addresses',
    error('ECONNREFUSED', { errors: [error('ECONNREFUSED'), error('EADDRNOTAVAIL', { address: '127.0.0.1' })] }),
    'local-ports-exhausted',
  ],
  ['the server is down', error('ECONNREFUSED', { address: '127.0.0.1' }), 'remote-connection-failed'],
  [
    'this machine may have no IPv6',
    error('EADDRNOTAVAIL', { address: '::1' }),
    hasIPv6 ? 'local-ports-exhausted' : 'remote-connection-failed',
  ],
] as const)('a failed connection is explained if %s', (_what, cause, expected) => {
  expect(connectProblem(cause)).toBe(expected)
})
