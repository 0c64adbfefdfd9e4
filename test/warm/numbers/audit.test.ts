import { describe, expect, test } from '@jest/globals'
import { Problem } from '../../../src/lib/errors.js'
import { describeFailures } from '../../../src/warm/numbers/failure-groups.js'
import { type AuditLine, createAuditReader, RecentAudit } from '../../../src/warm/numbers/recent-audit.js'
import type { Logins } from '../../../src/warm/warming/session-login.js'
import { FakeProcesses } from '../../support/fake-processes.js'
import { binding, parameters, warm } from '../fake-login.js'
import { one, pageOf, portal, setUp, withSession } from '../sessions/sessions-stage.js'

/** A service after a login, a refused login, and the end of a session. */
async function busy() {
  const about = { step: 'sasl', condition: 'not-authorized', server: '<b>one:5222' } as const
  const refused = new Problem('not-authorized', { ...about, detail: 'Its state: <locked>.' })
  const login: Logins['login'] = async ({ jid }) => {
    if (jid.local === 'romeo') throw refused
    return binding
  }
  const set = withSession({}, { login })
  await warm(set.service).send(parameters)
  await warm(set.service).send({ jid: 'romeo@other.chat.example', password: 's3cret-of-romeo' })
  await set.remove(`/warm/${one}`)
  return set
}

function recentOf(lines: readonly object[]): RecentAudit {
  const recent = new RecentAudit()
  for (const line of lines) recent.add(JSON.stringify(line))
  return recent
}

/** All lines, which come in parts of two. */
async function allLines(readAudit: ReturnType<typeof createAuditReader>): Promise<readonly AuditLine[]> {
  const seen: AuditLine[] = []
  let before: Parameters<typeof readAudit>[0]['before']
  do {
    const { lines, next } = await readAudit({ scope: ['*'], viewer: 'admin', limit: 2, before })
    seen.push(...lines)
    before = next
  } while (before !== undefined)
  return seen
}

const failuresFor = (scope: readonly string[]) => ({ scope, viewer: 'portal', ofFailures: true, limit: 1_000 })

const rowsOf = (page: string) =>
  Array.from(page.matchAll(/<tr role="row" id="[^"]+">(.*)<\/tr>/g), ([, row]) =>
    row!.replaceAll(/<span class="unseen">[^<]*<\/span>|<[^>]+>/g, ' ').replaceAll(/ +/g, ' '),
  )

describe('the audit page', () => {
  test('shows which admin did what, the newest first, without secrets', async () => {
    const { get } = await busy()
    const { text } = await pageOf(get('/warm/audit'))
    const rows = rowsOf(text)
    const time = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d'
    expect(rows).toEqual([
      expect.stringMatching(new RegExp(`^ ${time} done end admin@host juliet@chat.example .*– $`)),
      expect.stringMatching(/ wrong user or password login admin@host romeo@other.chat.example /),
      expect.stringMatching(/ done login admin@host juliet@chat.example .* Show $/),
    ])
    expect(text).not.toContain('s3cret')
  })

  test('explains on the page of an ended session who ended it', async () => {
    const { get, call } = await busy()
    const { text } = await pageOf(get(`/warm/${one}`), 404)
    expect(text).toContain('<h1 class="outcome">This session has ended</h1>')
    expect(text).toMatch(/<dd class="detail">.*admin@host ended it at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.</)
    expect(text).toContain('<a href="/warm/audit?jid&#x3D;juliet%40chat.example">Audit of this user</a>')
    expect((await pageOf(get(`/warm/${one.replace(/.$/, '0')}`), 404)).text).not.toContain('ended it')
    expect((await pageOf(call('get', portal)(`/warm/${one}`), 404)).text).toContain('admin@host ended it')
  })

  test.each([
    ['jid', 'jid=@', 'A bare JID or a domain.'],
    ['admin', `admin=${'x'.repeat(257)}`, 'The name of an admin.'],
    ['action', 'action=end', 'One of '],
  ])('shows a mistake in %s at its field, and keeps the other fields', async (name, query, message) => {
    const others = new URLSearchParams({ admin: 'portal', action: 'admin login' })
    others.delete(name)
    const { text } = await pageOf(setUp().get(`/warm/audit?${query}&${others}`), 400)
    expect(text).toContain(`<span class="fault" id="${name}-fault">${message}`)
    if (name !== 'admin') expect(text).toContain('id="admin" name="admin" value="portal"')
    if (name !== 'action') expect(text).toContain('<option value="admin login" selected="selected">')
    expect(text).toContain('No lines: the filter is invalid.')
  })

  test('shows which admin failed to log in, but no other name, because it may be a secret', async () => {
    const { get, call } = setUp()
    await call('get', ['admin@host', 'wrong'])('/warm/sessions')
    await call('get', ['<s3cret', 'admin@host'])('/warm/sessions')
    const { text } = await pageOf(get('/warm/audit?action=admin+login'))
    expect(rowsOf(text)).toEqual([
      expect.stringMatching(/ wrong name or secret admin login unknown name – \S+ – $/),
      expect.stringMatching(/ wrong name or secret admin login admin@host – \S+ – $/),
    ])
    expect(text).not.toContain('s3cret')
  })

  test('can be filtered by admin, action, user and domain', async () => {
    const { get } = await busy()
    const found = async (query: string) => {
      const { body } = await get(`/warm/audit?${query}`)
      return body.lines.map(({ action, jids }: AuditLine) => `${action} ${jids}`)
    }
    expect(await found('action=logout')).toEqual(['logout juliet@chat.example'])
    expect(await found('jid=romeo@other.chat.example')).toEqual(['warm romeo@other.chat.example'])
    expect(await found('jid=other.chat.example')).toEqual(['warm romeo@other.chat.example'])
    expect(await found('admin=portal')).toEqual([])
    expect(await found('admin=admin@host')).toHaveLength(3)
    for (const wrong of ['action=x', 'limit=501', 'before=x', 'jid=@', 'admin='.padEnd(300, 'x')])
      expect((await get(`/warm/audit?${wrong}`)).status).toBe(400)
    expect((await pageOf(get('/warm/audit?jid=&admin=&action='))).text).not.toContain('All lines')
  })

  test('has several parts, each with the position of the next', async () => {
    const { get } = await busy()
    let before = ''
    for (const action of ['logout', 'warm', 'warm']) {
      const { body } = await get(`/warm/audit?limit=1${before}`)
      expect(body.lines).toMatchObject([{ action }])
      before = `&before=${body.next}`
    }
    expect(before).toBe('&before=undefined')
    const { text } = await pageOf(get('/warm/audit?limit=1'))
    expect(text).toMatch(/<a rel="next" href="\?limit&#x3D;1&amp;before&#x3D;\d+-\d+">Older lines<\/a>/)
  })

  test('shows an admin of some domains only these domains, and the admin’s own calls', async () => {
    const { call } = await busy()
    const get = call('get', portal)
    await call('delete', portal)('/warm/sessions?visit=v1')
    const { body } = await get('/warm/audit')
    const told = body.lines.map(({ action, jids }: AuditLine) => [action, ...jids].join(' '))
    expect(told).toEqual(['logout', 'logout juliet@chat.example', 'warm juliet@chat.example'])
  })
})

test('the failures page groups failed logins by reason, with advice and users', async () => {
  const { get, call } = await busy()
  const { body } = await get('/warm/failures')
  expect(body.failures).toMatchObject([
    {
      ...{ code: 'not-authorized', step: 'sasl', count: 1, actions: ['warm'], conditions: ['not-authorized'] },
      ...{ jids: ['romeo@other.chat.example'], domains: ['other.chat.example'], servers: ['<b>one:5222'] },
      advice: expect.stringContaining('Check the spelling'),
    },
  ])
  const { text } = await pageOf(get('/warm/failures'))
  expect(text).toContain('<a href="/warm/audit?jid&#x3D;romeo%40other.chat.example">romeo@other.chat.example</a>')
  expect(text).toContain('<dt>XMPP servers</dt><dd>&lt;b&gt;one:5222</dd>')
  expect(text).toContain('<dt>Last detail</dt><dd>Its state: &lt;locked&gt;.</dd>')
  expect(text).toContain('<h2>The XMPP server refused the user name, the password or the token.</h2>')
  expect((await call('get', portal)('/warm/failures')).body).toEqual({ failures: [] })
  expect((await pageOf(call('get', portal)('/warm/failures'))).text).toContain('No login was refused, and none failed.')
})

test('a group of failures has its newest detail', async () => {
  const details = ['It has expired.', 'It is <not> valid yet.', undefined]
  const recent = recentOf(details.map((detail, time) => ({ time, msg: 'connect', code: 'invalid-token', detail })))
  const failures = await createAuditReader(recent)(failuresFor(['*']))
  const sentence = 'The token of the page is missing, wrong or expired.'
  expect(describeFailures(failures).failures).toMatchObject([
    { count: 3, detail: `${sentence} It is <not> valid yet.`, advice: expect.stringContaining('see detail') },
  ])
})

test('all lines can be reached after the clock was set back', async () => {
  const recent = recentOf([100, 101, 102, 50, 51, 52].map(time => ({ time, msg: 'logout' })))
  const seen = await allLines(createAuditReader(recent))
  expect(seen.map(({ time }) => time)).toEqual([102, 101, 100, 52, 51, 50])
})

describe('the audit and failures pages of several processes', () => {
  test('show the lines and failures of all together', async () => {
    const all = []
    const processes = new FakeProcesses()
    for (let number = 0; number < 3; number++) {
      const others = processes.start()
      const from = { node: others.self, server: `server${number}:5222`, jid: `user${number}@chat.example` }
      const about = { ...from, msg: 'warm', code: 'timeout', step: 'bind' }
      all.push(createAuditReader(recentOf([10, 20, 20].map(time => ({ ...about, time: time + number }))), others))
    }
    const [readAudit] = all as [(typeof all)[number]]
    const seen = (await allLines(readAudit)).map(({ time, node, number }) => `${time} ${node.at(-1)} ${number}`)
    expect(seen).toEqual(['22 2 2', '22 2 1', '21 1 2', '21 1 1', '20 0 2', '20 0 1', '12 2 0', '11 1 0', '10 0 0'])
    expect(describeFailures(await readAudit(failuresFor(['*'])))).toMatchObject({
      failures: [
        {
          ...{ code: 'timeout', step: 'bind', count: 9, conditions: [], actions: ['warm'] },
          last: '1970-01-01T00:00:00.022Z',
          ...{ jids: ['user2@chat.example', 'user1@chat.example', 'user0@chat.example'], domains: ['chat.example'] },
          servers: ['server2:5222', 'server1:5222', 'server0:5222'],
        },
      ],
      unanswered: undefined,
    })
    processes.named('pppp0002')!.isSilent = true
    expect(describeFailures(await readAudit(failuresFor(['*'])))).toMatchObject({
      failures: [{ count: 6 }],
      unanswered: ['pppp0002'],
    })
  })

  test('show an admin of some domains only the own users in lines of refused client logins', async () => {
    const jids = ['a@chat.example', 'b@other.example', `${'x'.repeat(80)}…`]
    const about = { time: '2026-11-23T12:00:00.000Z', msg: 'client login', code: 'not-authorized', refused: 9 }
    const line = { ...about, jids, servers: ['one:5222'], detail: 'It is b@other.example.' }
    const readAudit = createAuditReader(recentOf([line]))
    const ask = async (scope: readonly string[]) => describeFailures(await readAudit(failuresFor(scope))).failures
    expect(await ask(['*'])).toMatchObject([
      {
        ...{ step: 'sasl', count: 9, jids, domains: ['chat.example', 'other.example'], servers: ['one:5222'] },
        detail: expect.stringContaining('It is b@other.example.'),
        last: '2026-11-23T12:00:00.000Z',
      },
    ])
    expect((await ask(['chat.example']))[0]?.detail).not.toContain('b@other')
    expect(await ask(['chat.example'])).toMatchObject([{ count: 1, jids: ['a@chat.example'], servers: [] }])
    expect(await ask(['third.example'])).toEqual([])
  })
})
