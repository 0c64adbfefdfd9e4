import { describe, expect, test } from '@jest/globals'
import { loadConfig } from '../../src/config/load.js'
import { reloadConfig } from '../../src/config/reload.js'
import { problemsOf } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

const base = { ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'chat.example' }

function reloaded(before: Record<string, string>, after: Record<string, string>, between = () => {}) {
  const running = loadConfig({ ...base, ...before })
  between()
  return reloadConfig(running, { ...base, ...after })
}

describe('a reload of the settings', () => {
  test('reports what has changed, and keeps settings that need a restart', () => {
    const SEAL_KEY_FILE = file('seal.key', Buffer.alloc(32, 1).toString('base64'))
    const redis = { REDIS_URL: 'redis://127.0.0.1', SEAL_KEY_FILE }
    const { changed, needRestart, config, environment } = reloaded(
      { LOG_LEVEL: 'info', PORT: '8080', WARM_ALLOW: 'any', ...redis },
      { LOG_LEVEL: 'debug', PORT: '8081', WARM_ALLOW: '10.0.0.0/8', WORKERS: '2', ...redis },
    )
    expect({ changed, needRestart }).toEqual({ changed: ['WARM_ALLOW', 'LOG_LEVEL'], needRestart: ['PORT', 'WORKERS'] })
    expect([config.logLevels.usual, config.access.warm.list]).toEqual(['debug', ['10.0.0.0/8']])
    expect([config.workers, config.listen.places[0]!.port]).toEqual([0, 8080])
    expect([environment['PORT'], environment['LOG_LEVEL']]).toEqual(['8080', 'debug'])
  })

  test('reports nothing if only the spelling has changed, or nothing', () => {
    const one = { WARM_ALLOW: 'loopback, private', REQUIRE_SECURE: 'off', LOG_LEVEL: 'info' }
    expect(reloaded(one, one)).toMatchObject({ changed: [], needRestart: [] })
    const other = { WARM_ALLOW: ' loopback,private', REQUIRE_SECURE: 'no', LOG_LEVEL: 'INFO' }
    expect(reloaded(one, other)).toMatchObject({ changed: [], needRestart: [] })
  })

  test('reports a changed file that a setting names', () => {
    const secret = (letter: string) => letter.repeat(40)
    const settings = {
      ADMIN_USERS_FILE: file('admins', 'one:1'),
      PAGE_ORIGINS: 'https://portal.example',
      PAGE_TOKEN_SECRET_FILE: file('pages', secret('a')),
      PAGE_TOKEN_AUDIENCE: 'chat',
      PAGE_TOKEN_JID: '{sub}@chat.example',
      PAGE_TOKEN_LOGIN: 'token',
      EVENTS_URL: 'https://portal.example/events',
      EVENTS_SECRET_FILE: file('events', secret('c')),
    }
    const { changed, needRestart, config } = reloaded(settings, settings, () => {
      file('admins', 'one:2')
      file('pages', secret('b'))
      file('events', secret('d'))
    })
    expect(changed).toEqual(['ADMIN_USERS_FILE', 'PAGE_TOKEN_SECRET_FILE'])
    expect(needRestart).toEqual(['EVENTS_SECRET_FILE'])
    expect(config.admins.map(({ secret }) => secret)).toEqual(['s3cret', '2'])
    expect(config.events).toEqual(
      loadConfig({ ...base, ...settings, EVENTS_SECRET_FILE: file('e', secret('c')) }).config.events,
    )
  })

  test('is rejected with all problems', () => {
    const problems = problemsOf(() => reloaded({}, { LOG_LEVEL: 'loud', PORT: 'x', ADMIN_USERS: 'nobody' }))
    expect(problems.map(problem => problem.split(' ')[0]).sort()).toEqual(['ADMIN_USERS', 'LOG_LEVEL', 'PORT'])
  })

  test('is rejected if it is valid only together with a setting that needs a restart', () => {
    const before = { HTTP_HOSTS: 'a.example=chat.example' }
    const after = { HTTP_HOSTS: 'a.example=new.example', XMPP_DOMAINS: 'new.example' }
    expect(problemsOf(() => reloaded(before, after))).toEqual([
      'These settings need a restart together: HTTP_HOSTS, XMPP_DOMAINS',
      'HTTP_HOSTS for a.example has the domain chat.example, which XMPP_DOMAINS does not allow',
    ])
  })

  test('neither opens nor closes the HTTPS listener, nor turns page tokens on or off', () => {
    const { changed, needRestart } = reloaded({ TLS_MIN_VERSION: '1.2' }, { TLS_MIN_VERSION: '1.3' })
    expect({ changed, needRestart }).toEqual({ changed: [], needRestart: ['TLS_MIN_VERSION'] })
    expect(reloaded({}, { PAGE_TOKEN_AUDIENCE: 'chat' })).toMatchObject({ needRestart: ['PAGE_TOKEN_AUDIENCE'] })
  })
})
