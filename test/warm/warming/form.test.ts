import { describe, expect, test } from '@jest/globals'
import { Problem, type ProblemCode } from '../../../src/lib/errors.js'
import { isXhtml } from '../../support/xhtml.js'
import { asAdmin, config, type FakeService, failing, fakeService, parameters, warm, warmByForm } from '../fake-login.js'
import { tokenIn } from '../sessions/sessions-stage.js'

describe('the admin form', () => {
  test('is shown with its fields and defaults', async () => {
    const service = fakeService({ externalUrl: 'https://web.example/chat' })
    const { status, text } = await asAdmin(service.app).get('/warm')
    expect(status).toBe(200)
    expect(text).toContain('<title>Log a user in · Warm Bindings</title>')
    expect(text).toContain('<form method="post" action="/chat/warm">')
    expect(isXhtml(text)).toBe(true)
    expect(text).toMatch(/<input type="password"[^>]* name="password"[^>]* autocomplete="off"/)
    expect(text).toContain('<input type="submit" value="Log this user in" />')
    expect(text).not.toMatch(/aria-invalid|autofocus|class="refusal"/)
    // The usual fields come first. Other fields are closed.
    const [first, more] = text.split('<form')[1]!.split('<details>')
    expect(first!.match(/(?<= name=")\w+/g)).toEqual(['jid', 'password', 'csrf_token'])
    const others = ['token', 'authzid', 'expires_in', 'attach_binding', 'language', 'wait', 'hold', 'ver']
    expect(more!.match(/(?<= name=")\w+/g)).toEqual(others)
    expect(text).toContain('<label for="jid">Address of the user (JID)</label>')
  })

  test('offers the values in the settings, but cookie instead of reply', async () => {
    const bosh = { ...config.bosh, attachBinding: 'reply', maxRequests: 1 } as const
    const { text } = await asAdmin(fakeService({ bosh }).app).get('/warm')
    expect(text).toContain('<option value="cookie" selected="selected">')
    expect(text).toMatch(/<input [^>]*id="hold"[^>]* value="0"/)
  })

  test('has defaults that equal the defaults of an empty request', async () => {
    const service = fakeService()
    const page = await asAdmin(service.app).get('/warm')
    const usual = page.text.matchAll(/<input [^>]* name="(\w+)"(?: value="([^"]*)")?/g)
    const values = Object.fromEntries(Array.from(usual, ([, name, value = '']) => [name!, value]))
    await warm(service).send(parameters)
    const fields = { ...values, attach_binding: 'off', ...parameters }
    const sent = await warmByForm(fields, service).set('Origin', 'https://web.example')
    expect(sent.status).toBe(303)
    const [plain, filled] = service.logins.map(login => ({ ...login, ids: undefined }))
    expect(filled).toEqual(plain)
  })
})

describe('an invalid admin form', () => {
  const origin = { Origin: 'https://web.example', 'Sec-Fetch-Site': 'same-origin' }
  const sent = {
    ...{ ...parameters, token: '', authzid: '', attach_binding: 'off' },
    ...{ language: 'en', wait: '60', hold: '1', ver: '1.6', expires_in: '120' },
  }

  async function send(service: FakeService, more: Record<string, string> = {}, accept = 'text/html') {
    const page = await asAdmin(service.app).get('/warm')
    const fields = { ...sent, ...more, csrf_token: tokenIn(page.text) }
    return warmByForm(fields, service).set({ ...origin, Accept: accept })
  }

  const valueIn = (text: string, name: string) =>
    new RegExp(`<input [^>]*name="${name}"(?: value="([^"]*)")?`).exec(text)![1]
  /** Messages by marked field. */
  const faults = (text: string) =>
    Array.from(text.matchAll(/id="(\w+)"[^>]* aria-invalid="true"/g), ([, name]) => [
      name,
      new RegExp(`<span class="fault" id="${name}-fault">([^<]*)<`).exec(text)![1],
    ])

  test('may have an empty password if an account acts for users', async () => {
    const account = { user: 'bot', password: 'secret-of-bot' }
    const service = fakeService({ serviceAccounts: new Map([['*', account]]) })
    expect((await send(service, { password: '' })).status).toBe(303)
    expect(service.logins).toMatchObject([{ credentials: { kind: 'service', account } }])
  })

  test.each<[string, Record<string, string>, ProblemCode, string]>([
    ['jid', { jid: 'juliet' }, 'invalid-jid', 'This is not an address. It has no @. Write it like alice@example.org.'],
    [
      'jid',
      { jid: 'jul iet@chat.example' },
      'invalid-jid',
      'This is not an address. The character space (U+0020) is not allowed before the @.',
    ],
    ['jid', { jid: '' }, 'missing-parameter', 'Enter the address of the user.'],
    ['password', { password: '' }, 'missing-parameter', 'Enter the password.'],
    ['password', { password: '', authzid: 'a@chat.example' }, 'missing-parameter', 'Enter the password.'],
    ['token', { token: 't0ken' }, 'invalid-parameter', 'Do not send it with password.'],
    ['authzid', { authzid: 'a@elsewhere.example' }, 'invalid-parameter', 'Its domain is the domain of jid.'],
    ['wait', { wait: 'long' }, 'invalid-parameter', 'A whole number, 0 or more.'],
    ['expires_in', { expires_in: '4' }, 'invalid-parameter', 'A whole number from 5 to 600.'],
    ['language', { language: '!' }, 'invalid-parameter', 'A language tag (BCP 47), such as en or de-CH.'],
    ['attach_binding', { attach_binding: 'on' }, 'invalid-parameter', 'One of off, cookie, reply'],
  ])('has an error at the field %s for %j', async (name, more, code, message) => {
    const service = fakeService()
    const { status, text, headers } = await send(service, more)
    expect([status, isXhtml(text)]).toEqual([400, true])
    expect(faults(text)).toEqual([[name, expect.stringContaining(message)]])
    expect(text).toContain(`<code class="code">${code}</code>`)
    expect(text).toContain(`<code>${headers['x-request-id']}</code>`)
    const isHidden = Object.keys(more).some(field => field !== 'jid' && field !== 'password')
    expect(text).toContain(isHidden ? '<details open="open">' : '<details>')
    expect(service.lines()).toMatchObject([{ msg: 'warm', code }])
    expect(service.logins).toEqual([])
  })

  test('has the error of the first mistake, with the focus at its field', async () => {
    const { text } = await send(fakeService(), { jid: 'a b@', password: '', wait: 'long', ver: '2' })
    expect(faults(text)).toHaveLength(1)
    expect(text).toContain('See the field that is marked.')
    expect(text.match(/id="\w+"[^>]* autofocus="autofocus"/g)).toHaveLength(1)
    expect(isXhtml(text)).toBe(true)
  })

  test.each<[ProblemCode, number, string | undefined]>([
    ['not-authorized', 403, 'password'],
    ['account-disabled', 403, 'jid'],
    ['host-unknown', 502, 'jid'],
    ['conflict', 409, 'jid'],
    ['remote-connection-failed', 502, undefined],
    ['service-full', 503, undefined],
    ['timeout', 504, undefined],
  ])('for %s, is %i with advice, and can be sent again', async (code, status, field) => {
    const service = failing(new Problem(code))
    const reply = await send(service)
    expect(reply.status).toBe(status)
    expect(faults(reply.text).map(([name]) => name)).toEqual(field === undefined ? [] : [field])
    expect(reply.text).toMatch(/<div class="refusal" role="alert">/)
    expect(reply.text).toContain('<details>')
    expect(reply.headers['retry-after']).toBe(status === 503 ? '5' : undefined)
    expect(reply.headers['referrer-policy']).toBe('same-origin')
    const csrf_token = valueIn(reply.text, 'csrf_token')!
    expect((await warmByForm({ ...sent, csrf_token }, service).set(origin)).status).toBe(status)
  })

  test('keeps the JID and the options, but no secret', async () => {
    const jid = `juliet@chat.example/<b>&"'`
    const secrets = { password: 'Pa55-of-juliet', token: 't0ken-of-juliet' }
    const { text } = await send(fakeService(), { ...secrets, jid, hold: '7', wait: 'x"y', attach_binding: 'cookie' })
    expect(isXhtml(text)).toBe(true)
    expect(valueIn(text, 'jid')).toBe('juliet@chat.example/&lt;b&gt;&amp;&quot;&#x27;')
    expect([valueIn(text, 'hold'), valueIn(text, 'wait')]).toEqual(['7', 'x&quot;y'])
    expect([valueIn(text, 'password'), valueIn(text, 'token')]).toEqual([undefined, undefined])
    for (const secret of Object.values(secrets)) expect(text).not.toContain(secret)
    expect(text).toContain('<option value="cookie" selected="selected">')
  })

  test('shows an error at the token if a token was sent, and never at a missing field', async () => {
    const refused = failing(new Problem('not-authorized'))
    const byToken = await send(refused, { password: '', token: 't0ken-of-juliet' })
    expect(faults(byToken.text)).toEqual([['token', expect.stringContaining('refused')]])
    const { status, text } = await send(fakeService(), { remember: 'perhaps' })
    expect([status, faults(text)]).toEqual([400, []])
    expect(text).toContain('Parameter: remember. On or off.')
  })

  test('says when the next attempt is possible, and does not mention headers', async () => {
    const problem = new Problem('too-many-requests', { retryAfterSeconds: 34, detail: 'Limit: RATE_WARMS_PER_JID.' })
    const { status, headers, text } = await send(failing(problem))
    expect([status, headers['retry-after']]).toEqual([429, '34'])
    expect(text).toContain('</b> Too many attempts. Limit: RATE_WARMS_PER_JID. Try again after 34 seconds.</p>')
    expect(text).not.toContain('Retry-After')
  })

  test('is a page in browsers only: programs get JSON, and faults an error page', async () => {
    const json = await send(failing(new Problem('not-authorized')), {}, 'application/json')
    expect([json.status, JSON.parse(json.text).code]).toEqual([403, 'not-authorized'])
    const service = failing(new TypeError('a detail of ours'))
    const { status, text } = await send(service)
    expect(status).toBe(500)
    expect(text).toContain('<dd class="code">internal-error</dd>')
    expect(text).toContain('<a href="/warm">Back to the form</a>')
    expect(service.counts.faults).toBe(1)
  })
})
