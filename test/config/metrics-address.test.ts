import { describe, expect, test } from '@jest/globals'
import { load as loadAll } from '../support/settings.js'

const load = (environment: Record<string, string>) => loadAll(environment).config.metricsAddress

describe('METRICS_ADDRESS', () => {
  test.each([
    ['127.0.0.1:9110', { host: '127.0.0.1', port: 9110 }],
    ['[::1]:9110', { host: '::1', port: 9110 }],
    ['[::]:0', { host: '::', port: 0 }],
    ['LocalHost:65535', { host: 'localhost', port: 65535 }],
    ['none', undefined],
  ])('may be %s', (text, address) => {
    expect(load({ METRICS_ADDRESS: text })).toEqual(address)
  })

  test.each(['9110', ':9110', '127.0.0.1', '127.0.0.1:', '::1:9110', '[::1]', '127.0.0.1:65536', '[x]:1', 'a b:1'])(
    'may not be %s',
    text => {
      expect(() => load({ METRICS_ADDRESS: text })).toThrow(
        'METRICS_ADDRESS must be an address with a port, such as 127.0.0.1:9110 or [::1]:9110, or none',
      )
    },
  )
})
