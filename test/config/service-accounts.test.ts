import { describe, expect, test } from '@jest/globals'
import { load, problems } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

const accounts = (environment: Record<string, string>) => [...load(environment).config.serviceAccounts]

describe('service accounts', () => {
  test('belong to their domain, with the escapes of ADMIN_USERS', () => {
    const XMPP_SERVICE_ACCOUNTS = 'Example.ORG = bot:a%2Cb%3ac%2525:=d , *=other:p=w,'
    expect(accounts({ XMPP_SERVICE_ACCOUNTS })).toEqual([
      ['example.org', { user: 'bot', password: 'a,b:c%25:=d' }],
      ['*', { user: 'other', password: 'p=w' }],
    ])
  })

  test('can also be in a file, in which commas need no escape', () => {
    const text = '\uFEFF# who acts for whom\r\n\r\nexample.net=bot:a,b\r\n  # any other\n*=other:é"\n'
    const XMPP_SERVICE_ACCOUNTS_FILE = file('accounts', text)
    expect(accounts({ XMPP_SERVICE_ACCOUNTS: 'example.org=bot:x', XMPP_SERVICE_ACCOUNTS_FILE })).toEqual([
      ['example.org', { user: 'bot', password: 'x' }],
      ['example.net', { user: 'bot', password: 'a,b' }],
      ['*', { user: 'other', password: 'é"' }],
    ])
  })

  const like = 'must be like example.org=user:password'
  test.each([
    ['bot:x', like],
    ['example.org=bot', like],
    ['example.org=:x', like],
    ['example.org=bot:', like],
    ['exa mple.org=bot:x', like],
    ['*.example.org=bot:x', like],
    ['#example.org=bot:x', like],
    [
      'example.org=bot@example.org:x',
      'has a user name that cannot be the local part of a JID: write it without @ and domain',
    ],
    ['example.org=b%3At:x', 'has a user name that cannot be the local part of a JID: write it without @ and domain'],
    ['example.org=bot:100%', 'has a % that is not %2C, %3A or %25: write %25'],
    ['example.org=bot:a\u0001b', 'has a control character'],
  ])('cannot be written as %j, and the error quotes nothing of it', (entry, problem) => {
    expect(problems({ XMPP_SERVICE_ACCOUNTS: `example.net=bot:y,${entry}` })).toEqual([
      `XMPP_SERVICE_ACCOUNTS entry 2 ${problem}`,
    ])
  })

  test('are named by line of the file in problems', () => {
    const XMPP_SERVICE_ACCOUNTS_FILE = file('faulty', '# one\nexample.org=bot:x\n\nnonsense\n')
    expect(problems({ XMPP_SERVICE_ACCOUNTS_FILE })).toEqual([`XMPP_SERVICE_ACCOUNTS_FILE line 4 ${like}`])
  })

  test('must be only one for each domain', () => {
    expect(problems({ XMPP_SERVICE_ACCOUNTS: 'example.org=a:x,EXAMPLE.org=b:y,*=a:x,*=b:y' })).toEqual([
      'XMPP_SERVICE_ACCOUNTS entry 2 repeats the domain example.org',
      'XMPP_SERVICE_ACCOUNTS entry 4 repeats the domain *',
    ])
    const XMPP_SERVICE_ACCOUNTS_FILE = file('again', 'example.org=b:y')
    expect(problems({ XMPP_SERVICE_ACCOUNTS: 'example.org=a:x', XMPP_SERVICE_ACCOUNTS_FILE })).toEqual([
      'XMPP_SERVICE_ACCOUNTS_FILE has an account for a domain of XMPP_SERVICE_ACCOUNTS: keep one of the two',
    ])
  })

  test('for * are rejected if any server on the internet could get the password', () => {
    const risk = 'has an account for *, whose password any server could get with XMPP_DOMAINS=*: name its domains'
    const account = { XMPP_SERVICE_ACCOUNTS: '*=bot:x' }
    for (const XMPP_SERVERS of ['', 'example.org=xmpp://localhost', '*=host-meta'])
      expect(problems({ ...account, XMPP_DOMAINS: '*', XMPP_SERVERS })).toEqual([`XMPP_SERVICE_ACCOUNTS ${risk}`])
    const inFile = { XMPP_SERVICE_ACCOUNTS_FILE: file('any', '*=bot:x') }
    expect(problems({ ...inFile, XMPP_DOMAINS: '*' })).toEqual([`XMPP_SERVICE_ACCOUNTS_FILE ${risk}`])
    expect(problems({ ...account, XMPP_DOMAINS: '*.example.org' })).toEqual([])
    expect(problems({ XMPP_SERVICE_ACCOUNTS: 'example.org=bot:x', XMPP_DOMAINS: '*' })).toEqual([])
    for (const server of ['xmpp://localhost', 'https://localhost/http-bind'])
      expect(problems({ ...account, XMPP_DOMAINS: '*', XMPP_SERVERS: `*=${server}` })).toEqual([])
  })
})
