import { expect, test } from '@jest/globals'
import { ignoredSettings } from '../../../src/command/systemd/activated-sockets.js'

const taken = { HOST: '127.0.0.1:8080,[::1]:8080', PORT: '8080' }

test.each([
  [{}, []],
  [{ HOST: '127.0.0.1', PORT: '8080' }, []],
  [{ HOST: '::1, 127.0.0.1:8080' }, []],
  [{ PORT: '21080' }, ['PORT']],
  [{ PORT: '8080,8081' }, ['PORT']],
  [{ PORT: 'off' }, ['PORT']],
  [{ HOST: '10.0.0.11', PORT: '8080' }, ['HOST']],
  [{ HOST: '127.0.0.1:9', PORT: '9' }, ['HOST', 'PORT']],
  [{ HTTPS_HOST: '0.0.0.0', HTTPS_PORT: '443' }, []],
])('with sockets at 127.0.0.1:8080 and [::1]:8080, of %j the service ignores %j', (wished, ignored) => {
  expect(ignoredSettings(wished, { ...wished, ...taken })).toEqual(ignored)
})

test('a Unix socket has no port', () => {
  const socket = { HOST: 'unix:/run/warm-bindings/http.sock', PORT: 'off' }
  expect(ignoredSettings({ PORT: '8080' }, socket)).toEqual(['PORT'])
  expect(ignoredSettings({ HOST: '127.0.0.1', PORT: 'off' }, socket)).toEqual(['HOST'])
  expect(ignoredSettings({ HOST: socket.HOST }, socket)).toEqual([])
})

test('without sockets of systemd no setting is ignored', () => {
  const settings = { HOST: '10.0.0.11', PORT: '21080' }
  expect(ignoredSettings(settings, settings)).toEqual([])
})
