import { expect, test } from '@jest/globals'
import { readEnvFile } from '../../src/config/env-file.js'
import { settings } from '../../src/config/settings.js'
import { misspeltNames, unknownNames } from '../../src/config/unknown-names.js'
import { load } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

test.each([
  ['HTTP_PORT', 'PORT'],
  ['PORTT', 'PORT'],
  ['LOG_LEVLE', 'LOG_LEVEL'],
  ['EXTERNALURL', 'EXTERNAL_URL'],
  ['TRUST_PROXIES', 'TRUSTED_PROXIES'],
  ['HTTPS_PORTS', 'HTTPS_PORT'],
  ['HTTPSPORT', 'HTTPS_PORT'],
  ['ADMN_USER', 'ADMIN_USERS'],
])('the warning about the misspelt setting %s names %s', (name, setting) => {
  const [said] = unknownNames({ [name]: '8080' })
  expect(said).toBe(`${name} is not a setting of this service. Did you mean ${setting}?`)
})

test.each(['BOSH_QUX_LEVEL', 'XMPP_QUUX', 'XMPP_C2S_PORT'])('%s is reported once, without a suggestion', name => {
  expect([...unknownNames({ [name]: '1' }), ...misspeltNames({ [name]: '1' }, new Map([[name, 3]]))]).toEqual([
    `${name} is not a setting of this service. See docs/settings.md, or docs/coming-from.md for other servers.`,
  ])
})

test('the rest of a broken line, which can be a secret, is not shown', () => {
  const values = { '7tU3vQpz0Xr4bYq1aKf9mLwE2cHdJsNg': '', 'backend:Wq8ZtR5nB2xK': '7vYh,', XMPP_QUUX: '1' }
  const said = [...unknownNames(values), ...misspeltNames(values)].join('\n')
  expect(said).not.toMatch(/7tU3|Wq8Z/)
  expect(said.match(/A name in the env file is not a setting/g)).toHaveLength(2)
})

test.each(['correcthorsebattery', 'K7TU3VQPZ0XR4BYQ1AKF', 'A'.repeat(41), 'MY_SECRET', 'LOG_LEVEL_2'])(
  'a message about %s in an env file shows it only if it looks like a setting',
  name => {
    const isShown = /^(?:MY_|LOG_)/.test(name)
    const said = [...unknownNames({ [name]: '1' }), ...misspeltNames({ [name]: '1' })].join()
    expect(said.includes(name)).toBe(isShown)
    const read = () => readEnvFile(file('.env', `${name}=1\n${name}=2\n`))
    expect(read).toThrow(`line 2 has ${isShown ? name : 'its name'} for the second time`)
  },
)

test('each unknown name in the file of the service is reported', () => {
  const values = {
    NODE_OPTIONS: '--x',
    TZ: 'UTC',
    HTTPS_PROXY: 'http://a',
    SMACKS_HIBERNATION_TIME: '60',
    CROSS_DOMAIN_BOSH: 'true',
    MODULES_ENABLED: 'bosh',
    PORT: '1',
  }
  const reported = [...unknownNames(values), ...misspeltNames(values)].map(sentence => sentence.split(' ')[0])
  expect(reported.sort()).toEqual(['CROSS_DOMAIN_BOSH', 'MODULES_ENABLED', 'NODE_OPTIONS', 'SMACKS_HIBERNATION_TIME'])
  expect(misspeltNames({ NODE_OPTIONS: '--tls-min-v1.3' })).toEqual([
    'NODE_OPTIONS is too late in the env file: Node.js reads it from the environment, before the service starts.',
  ])
})

test.each(['"', "'"])('a value in %s quotes is read without them', quote => {
  const { config, warnings } = load({ ADMIN_USERS: `${quote}portal:s3cret-of-the-portal${quote}` })
  expect(config.admins.map(({ name }) => name)).toEqual(['portal'])
  expect(warnings).toEqual([])
})

test.each(['smacks_hibernation_time', 'ip', 'max_concat', 'zlib'])(
  'an option of another server in the env file is reported: %s',
  name => {
    expect([...unknownNames({ [name]: '1' }), ...misspeltNames({ [name]: '1' })]).toEqual([
      'A name in the env file is not a setting of this service. See docs/settings.md, or docs/coming-from.md for other servers.',
    ])
  },
)

test('a setting of an earlier version gives a warning', () => {
  expect(load({ WEBSOCKET_MAX_MESSAGE_BYTES: '16384' })).toMatchObject({
    unknown: [],
    warnings: ['WEBSOCKET_MAX_MESSAGE_BYTES is no longer a setting: CHANGELOG.md says what replaces it'],
  })
})

test('environment variables of other programs give no warning', () => {
  const names = `
    PATH HOME HOSTNAME HOSTTYPE OSTYPE MACHTYPE LOGNAME USER USERNAME SHELL SHLVL TERM PWD OLDPWD TZ LANG LC_ALL MAIL
    EDITOR PAGER DISPLAY TMPDIR TEMP POST PORTAGE PORTAGE_CONFIGROOT PORTDIR SORT PART COST LOST HOSTED SPORT REPORT
    NODE NODE_ENV NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS npm_config_port npm_package_name npm_lifecycle_event
    HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY FTP_PROXY http_proxy https_proxy no_proxy HTTPS HTTP_COOKIE
    KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_ADDR
    XDG_RUNTIME_DIR XDG_SESSION_ID XDG_DATA_DIRS DBUS_SESSION_BUS_ADDRESS SSH_AUTH_SOCK SSH_CONNECTION SUDO_USER
    INVOCATION_ID JOURNAL_STREAM CREDENTIALS_DIRECTORY LISTEN_PID LISTEN_FDS LISTEN_FDNAMES NOTIFY_SOCKET
    SYSTEMD_EXEC_PID WATCHDOG_USEC WATCHDOG_PID MEMORY_PRESSURE_WATCH LOGS_DIRECTORY STATE_DIRECTORY
    SSL_CERT_FILE SSL_CERT_DIR OPENSSL_CONF DEBUG COLORTERM FORCE_COLOR NO_COLOR CI GITHUB_ACTIONS DATABASE_URL
    DOCKER_HOST COMPOSE_PROJECT_NAME VIRTUAL_HOST LETSENCRYPT_HOST PGHOST PGPORT REDIS_HOST REDIS_PORT
    REDIS_TLS_URL REDIS_VERSION HTTP_PROXY_REQUEST_FULLURI NO_PROXY_CACHE HTTPS_PROXY_HOST
    DB_HOST DB_PORT SMTP_HOST SMTP_PORT MAIL_HOST MAIL_PORT APP_PORT APP_URL BASE_URL
  `
  const environment = names.match(/\S+/g)!.map(name => [name, 'x'])
  expect(unknownNames(Object.fromEntries(environment))).toEqual([])
  for (const name of Object.keys(settings)) expect(unknownNames({ [name]: 'x' })).toEqual([])
  // Kubernetes sets these for a service of our name.
  const ofService = { HTTP_SERVICE_HOST: '10.0.0.1', HTTP_SERVICE_PORT: '80', HTTP_PORT_80_TCP_ADDR: '10.0.0.1' }
  expect(unknownNames({ HTTP_PORT: 'tcp://10.0.0.1:80', BOSH_PORT: 'udp://10.0.0.1:80', ...ofService })).toEqual([])
})

test.each([
  ['PROT', 'PORT'],
  ['Port', 'PORT'],
  ['hsot', 'HOST'],
  ['log_level', 'LOG_LEVEL'],
])('only in an environment file, the warning about %s names %s', (name, setting) => {
  expect(unknownNames({ [name]: 'x' })).toEqual([])
  expect(misspeltNames({ [name]: 'x' })).toEqual([`${name} is not a setting of this service. Did you mean ${setting}?`])
})

test('in an environment file, settings, names of Node.js, and names of every start give no new warning', () => {
  const names = ['PORT', 'NODE_ENV', 'TZ', 'https_proxy', 'LOGLEVEL', 'WEBSOCKET_MAX_MESSAGE_BYTES']
  expect(misspeltNames(Object.fromEntries(names.map(name => [name, 'x'])))).toEqual([])
  expect(misspeltNames(Object.fromEntries(Object.keys(settings).map(name => [name, 'x'])))).toEqual([])
})
