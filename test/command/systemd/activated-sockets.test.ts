import { expect, test } from '@jest/globals'
import { ignoredSettings } from '../../../src/command/systemd/activated-sockets.js'

const taken = { HOST: '127.0.0.1:8080,[::1]:8080', PORT: '8080' }

test.each([
  [{}, []],
  [taken, []],
  [{ PORT: '8080' }, []],
  [{ PORT: '21080' }, ['PORT']],
  [{ HOST: '127.0.0.1:9', PORT: '9' }, ['HOST', 'PORT']],
  [{ HTTPS_HOST: '0.0.0.0', HTTPS_PORT: '443' }, []],
])('with sockets at 127.0.0.1:8080 and [::1]:8080, of %j the service ignores %j', (wished, ignored) => {
  expect(ignoredSettings(wished, { ...wished, ...taken })).toEqual(ignored)
})
