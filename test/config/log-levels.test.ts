import { describe, expect, test } from '@jest/globals'
import { load as loadAll } from '../support/settings.js'

const load = (LOG_LEVEL: string) => {
  const { usual, parts } = loadAll({ LOG_LEVEL }).config.logLevels
  return [usual, Object.fromEntries(parts)]
}

describe('LOG_LEVEL', () => {
  test.each([
    ['warn', 'warn', {}],
    ['info,bosh=debug,warm=warn', 'info', { bosh: 'debug', warm: 'warn' }],
    ['c2s=trace, Error, remote = silent', 'error', { c2s: 'trace', remote: 'silent' }],
    ['http=debug', 'info', { http: 'debug' }],
  ])('may be %s', (text, usual, parts) => {
    expect(load(text)).toEqual([usual, parts])
  })

  test.each([
    ['loud', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "loud"'],
    ['info,', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not ""'],
    ['bosh=', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not ""'],
    [
      'info,xmpp=debug',
      'LOG_LEVEL has the unknown part "xmpp": use one of bosh, websocket, warm, login, c2s, remote, events, nodes, store, http',
    ],
    ['info,warn', 'LOG_LEVEL has more than one level for all parts'],
    ['bosh=info,bosh=warn', 'LOG_LEVEL has bosh twice'],
  ])('may not be %s', (text, problem) => {
    expect(() => load(text)).toThrow(problem)
  })
})
