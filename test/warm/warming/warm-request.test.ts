import { describe, expect, test } from '@jest/globals'
import { bodyParameters, type ParameterName, parameterNames } from '../../../src/warm/parameters.js'
import { readParameters } from '../../../src/warm/read-parameters.js'
import { toWarmRequest, usualOptions, type WarmSettings } from '../../../src/warm/warming/warm-request.js'
import { problemIn } from '../../support/problem-in.js'

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'
const bosh = { maxWait: 60, defaultHold: 1, maxRequests: 3, attachBinding: 'off' } as const
const remote = { attach: 'here', connectTimeout: 5, timeout: 5, maxReplyBytes: 65_536, headers: [] } as const
const ofOperator = { serviceAccounts: new Map(), loginKeys: new Map(), servers: new Map(), remotes: new Map() }
const defaults: WarmSettings = { ...ofOperator, bosh, remote, warm: { attachSeconds: 120, anonymous: false } }
const least = 'jid=juliet%40chat.example&password=pw'
const leastJson = { jid: 'juliet@chat.example', password: 'pw' }

const otherLogins =
  'Or send token or credential. A jid alone needs XMPP_SERVICE_ACCOUNTS, XMPP_LOGIN_KEYS_FILE or a certificate.'

const withPassword = (password: string) => ({ credentials: { kind: 'password', password } })

const parametersOf = (body: string | Uint8Array, contentType: string | undefined = form) =>
  readParameters(contentType, typeof body === 'string' ? Buffer.from(body) : body)

const read = (body: string | Uint8Array, contentType?: string) =>
  toWarmRequest(parametersOf(body, contentType), defaults)

const problemOf = (body: string | Uint8Array, contentType?: string) => problemIn(() => read(body, contentType)).text

describe('the parameters of a warm call', () => {
  test('of a minimal form are the defaults', () => {
    const options = { language: 'en', wait: 60, hold: 1, ver: '1.6', attachSeconds: 120, attachBinding: 'off' }
    const jid = { local: 'juliet', domain: 'chat.example', resource: undefined }
    expect(read(least)).toEqual({ jid, ...withPassword('pw'), ...options })
  })

  test('of a JSON object are used unchanged', () => {
    const options = { language: 'de-CH', wait: 30, hold: 0, ver: '1.10' }
    const body = JSON.stringify({ ...leastJson, ...options, expires_in: 600 })
    expect(read(body, json)).toMatchObject({ ...withPassword('pw'), ...options, attachSeconds: 600 })
  })

  const capitals = 'Application/X-WWW-Form-Urlencoded;charset="UTF-8"'
  const member = '"jid":1,"x":{'

  test.each([
    ['a body without a type is a form', least, undefined, {}],
    ['the content type may have parameters and capitals', least, capitals, {}],
    ['JSON may begin with a byte order mark', `\ufeff${JSON.stringify(leastJson)}`, json, {}],
    ['a plus is a space, %2B a plus', 'jid=a@b.example&password=a+b%2Bc', form, withPassword('a b+c')],
    ['escapes are UTF-8', 'jid=a@b.example&password=%E2%82%AC', form, withPassword('€')],
    ['UTF-8 need not be escaped', 'jid=a@b.example&password=€', form, withPassword('€')],
    ['a password may contain = signs', 'jid=a@b.example&password=a=b=', form, withPassword('a=b=')],
    ['a password is not trimmed', 'jid=a@b.example&password=%20x%0A', form, withPassword(' x\n')],
    ['language is used before lang', `${least}&lang=fr&language=de`, form, { language: 'de' }],
    ['lang alone is used', `${least}&lang=fr`, form, { language: 'fr' }],
    ['a language may have many parts', `${least}&lang=zh-Hant-TW-x-a`, form, { language: 'zh-Hant-TW-x-a' }],
    ['a wait above the limit is reduced', `${least}&wait=300`, form, { wait: 60 }],
    ['a wait of any number of digits is reduced', `${least}&wait=${'9'.repeat(9000)}`, form, { wait: 60 }],
    ['a number beyond all limits is reduced', '{"jid":"a@b.example","password":"x","wait":1e999}', json, { wait: 60 }],
    ['a version may be a number', JSON.stringify({ ...leastJson, ver: 1.6 }), json, { ver: '1.6' }],
    ['a version may be a whole number', '{"jid":"a@b.example","password":"x","ver":1.0}', json, { ver: '1.0' }],
    ['a wait of 0 stays 0', `${least}&wait=0`, form, { wait: 0 }],
    ['hold stays below the number of open requests', `${least}&hold=9`, form, { hold: 2 }],
    ['numbers in JSON may be strings', JSON.stringify({ ...leastJson, wait: '5' }), json, { wait: 5 }],
    ['1.10 is not 1.1', `${least}&ver=1.10`, form, { ver: '1.10' }],
    ['expires_in is used', `${least}&expires_in=5`, form, { attachSeconds: 5 }],
    ['text in strings is not a member', JSON.stringify({ ...leastJson, password: member }), json, withPassword(member)],
  ])('%s', (_what, body, type, expected) => {
    expect(read(body, type)).toMatchObject(expected)
  })
})

describe('for a domain with a remote endpoint', () => {
  const endpoint = { url: 'https://chat.example/bosh', allowsPlain: false, ca: undefined, verify: true }
  const remotes = new Map([['chat.example', endpoint]])
  const elsewhere: WarmSettings = { ...defaults, remotes, remote: { ...remote, attach: 'there' } }

  test.each([
    ['wait=300&hold=9', { wait: 300, hold: 9 }],
    ['wait=999999&hold=999', { wait: 65535, hold: 255 }],
    ['wait=0&hold=0', { wait: 0, hold: 1 }],
    ['', { wait: 60, hold: 1 }],
  ])('"%s" is only limited by what BOSH allows', (more, expected) => {
    const limits = { ...elsewhere, bosh: { ...bosh, maxWait: 30, defaultHold: 0 } }
    expect(toWarmRequest(parametersOf(`${least}&${more}`), limits)).toMatchObject(expected)
  })

  test('attach_binding is rejected if requested, and ignored as a default', () => {
    const usual = { ...elsewhere, bosh: { ...bosh, attachBinding: 'cookie' as const } }
    expect(toWarmRequest(parametersOf(least), usual).attachBinding).toBe('off')
    expect(toWarmRequest(parametersOf(`${least}&attach_binding=off`), usual).attachBinding).toBe('off')
    const asked = parametersOf(`${least}&attach_binding=cookie`)
    expect(() => toWarmRequest(asked, usual)).toThrow(expect.objectContaining({ code: 'invalid-parameter' }))
  })

  test('other domains have the limits of this service', () => {
    const parameters = parametersOf('jid=a@b.example&password=pw&wait=300&hold=0')
    expect(toWarmRequest(parameters, elsewhere)).toMatchObject({ wait: 60, hold: 0 })
  })
})

describe('a warm call is rejected', () => {
  const invalid = (name: ParameterName, rule = bodyParameters[name].allowed) =>
    `invalid-parameter | Parameter: ${name}. ${rule}`
  const twice = (name: ParameterName) => invalid(name, 'It must not be repeated.')
  const broken = (name: ParameterName) => invalid(name, 'A percent escape in it is broken or not UTF-8.')
  const missing = (name: string) => `missing-parameter | Parameter: ${name}.`
  const empty = (name: string) => `${missing(name)} It is empty. Fill it in, or leave it out where the call needs none.`

  test.each([
    ['an empty body', '', missing('jid')],
    ['no jid', 'password=pw', missing('jid')],
    ['an empty jid', 'jid=&password=pw', empty('jid')],
    ['no password', 'jid=a@b.example', `${missing('password')} ${otherLogins}`],
    ['an empty password', 'jid=a@b.example&password', empty('password')],
    ['a jid that is too long', `jid=${'a'.repeat(1024)}@b.example&password=pw`, 'invalid-jid'],
    ...[
      ['nobody', 'It has no @. Write it like alice@example.org.'],
      ['@b.example', 'The part before the @ is empty.'],
      ['a@', 'The domain after the @ is empty.'],
      ['a@b.example/', 'The part after the slash is empty: leave out the slash.'],
      ['a%00@b.example', 'The character U+0000 is not allowed before the @.'],
      [
        "o'hara@b.example",
        "The character ' (U+0027) is not allowed before the @. A user name can have it as \\27 (XEP-0106).",
      ],
      ['jul\u200biet@b.example', 'The character U+200B is not allowed before the @.'],
      ['juliet@b.example:5222', 'The character : (U+003A) is not allowed in the domain.'],
      [
        'al ice',
        'The character space (U+0020) is not allowed before the @. It has no @. Write it like alice@example.org.',
      ],
      ['alice@bob@b.example', 'It has a second @. A user name can have it as \\40 (XEP-0106).'],
    ].map(([jid, why]) => [`the jid ${jid}`, `jid=${jid}&password=pw`, `invalid-jid | ${why}`] as const),
    ['a repeated password, once escaped', `${least}&p%61ssword=x`, twice('password')],
    ['a password of 1025 bytes', `jid=a@b.example&password=${'é'.repeat(513)}`, invalid('password')],
    ['a broken escape elsewhere', `${least}&%zz=1`, 'invalid-body | A percent escape is broken or not UTF-8.'],
    ['a wait that is no number', `${least}&wait=soon`, invalid('wait')],
    ['a wait below 0', `${least}&wait=-1`, invalid('wait')],
    ['a fraction', `${least}&hold=1.5`, invalid('hold')],
    ['an exponent', `${least}&hold=1e1`, invalid('hold')],
    ['too short an expires_in', `${least}&expires_in=4`, invalid('expires_in')],
    ['too long an expires_in', `${least}&expires_in=601`, invalid('expires_in')],
    ['a version without a minor part', `${least}&ver=1`, invalid('ver')],
    ['a version of more digits than BOSH has', `${least}&ver=100000.1`, invalid('ver')],
    ['a version of three parts', `${least}&ver=1.6.1`, invalid('ver')],
    ['a language with an underscore', `${least}&language=en_US`, invalid('language')],
    ['a control character in the language', `${least}&language=en%0a`, invalid('language')],
    ['a broken alias beside a language', `${least}&language=en&lang=%22`, invalid('lang')],
    ['a language that is too long', `${least}&language=en${'-abcde'.repeat(50)}`, invalid('language')],
  ])('as a form: %s', (_what, body, problem) => {
    expect(problemOf(body)).toBe(problem)
  })

  const notAnObject = 'invalid-body | The JSON must be an object.'
  test.each([
    ['an empty body', '', 'invalid-body | It is not JSON.'],
    ['no JSON', '{"password":"pw"', 'invalid-body | It is not JSON.'],
    ['an array', '[]', notAnObject],
    ['null', 'null', notAnObject],
    ['a member repeated under an escape', '{"jid":"a@b.example","j\\u0069d":"c@d.example"}', twice('jid')],
    ['a wait that is true', '{"jid":"a@b.example","password":"x","wait":true}', invalid('wait')],
    ['a version that is no number of digits', '{"jid":"a@b.example","password":"x","ver":1e-7}', invalid('ver')],
  ])('as JSON: %s', (_what, body, problem) => {
    expect(problemOf(body, json)).toBe(problem)
  })

  describe.each(parameterNames)('each parameter, such as %s,', name => {
    const others = Object.entries({
      ...leastJson,
      ...(name === 'mechanism' && { token: 't' }),
    }).filter(([other]) => other !== name && !(name === 'mechanism' && other === 'password'))
    const asForm = (value: string) =>
      [...others.map(([other, text]) => `${other}=${text}`), `${name}=${value}`].join('&')
    const asJson = (value: string) =>
      `{${[...others.map(([other, text]) => `"${other}":"${text}"`), `"${name}":${value}`]}}`
    const refused = name === 'jid' ? expect.stringMatching(/^invalid-jid \| .*It has no @/) : invalid(name)

    test('must not be repeated', () => {
      expect(problemOf(`${asForm('1')}&${name}=1`)).toBe(twice(name))
      expect(problemOf(`${asForm('1')}&${name}`)).toBe(twice(name))
      expect(problemOf(`${asForm('')}&${name}=1`)).toBe(twice(name))
      expect(problemOf(asJson(`1,"${name}":1`), json)).toBe(twice(name))
    })

    test.each(['%', '%zz', '%ff', '%c3', '%ed%a0%80', '%c0%80'])('may not be escaped as %s', value => {
      expect(problemOf(asForm(value))).toBe(broken(name))
    })

    const names = ['jid', 'password', 'token', 'mechanism', 'credential', 'authzid', 'visit']
    const isOption = !names.includes(name)

    if (isOption)
      test.each([asForm(''), asJson('""'), asJson('null')])('may be empty, as in %j', body => {
        expect(read(body, body.startsWith('{') ? json : form)).toEqual(read(least))
      })
    else
      test('may not be null or empty', () => {
        expect(problemOf(asJson('null'), json)).toBe(invalid(name))
        expect(problemOf(asJson('""'), json)).toBe(empty(name))
        expect(problemOf(asForm(''))).toBe(empty(name))
      })

    // A wrong token has another error.
    if (name === 'csrf_token') return

    test.each(['[]', '["1"]', '{}', '1.5', '-1', '"\\ud800"'])('may not be %s', value => {
      if (name === 'ver' && value === '1.5') return
      expect(problemOf(asJson(value), json)).toBe(invalid(name))
    })

    test.each(['%00', 'a%00', '%0A5%0A'])('may not have control characters, as in %s', value => {
      if (name === 'password' && !value.includes('%00')) return
      expect(problemOf(asForm(value))).toEqual(refused)
    })

    test('has a length limit', () => {
      // Larger numbers count as the limit.
      if (name === 'wait' || name === 'hold') return
      expect(problemOf(asForm('1'.repeat(8193)))).toEqual(refused)
    })
  })

  test.each([
    ['attach-binding', 'attach_binding'],
    ['attachBinding', 'attach_binding'],
    ['expire_in', 'expires_in'],
    ['passwrod', 'password'],
    ['WAIT', 'wait'],
    ['auth_zid', 'authzid'],
    ['vist', 'visit'],
  ])('with the name %s is rejected, and %s is suggested', (name, meant) => {
    const problem = `invalid-parameter | Parameter: ${meant}. The body has ${name}, which looks misspelt.`
    expect(problemOf(`${least}&${name}=x`)).toBe(problem)
    expect(problemOf(JSON.stringify({ ...leastJson, [name]: null }), json)).toBe(problem)
  })

  const all = Object.keys(bodyParameters).filter(name => name !== 'csrf_token')

  const unknown = ['id', 'sid', 'want', 'very', 'username', 'secret', '_method', '__proto__', 'authenticity_token']

  test.each(unknown)('with the unknown name %j is rejected, and the error lists the names', name => {
    const problem = `invalid-parameter | Parameter: ${name}. | The body can have ${all.join(', ')}.`
    expect(problemOf(`${least}&${name}=x`)).toBe(problem)
    expect(problemOf(`{"jid":"a@b.example","password":"x","${name}":1}`, json)).toBe(problem)
  })

  const maybeSecret = ['x'.repeat(41), 'hunter2', 'correct-horse', '', 'a\r\nb\u202e\0']

  test.each(maybeSecret)('with the name %j, which may be a secret, is rejected without it', name => {
    const problem = problemOf(JSON.stringify({ ...leastJson, [name]: 1 }), json)
    expect(problem).toBe(`invalid-parameter | A parameter is unknown. The body can have ${all.join(', ')}.`)
  })

  const passwords = ['password=pa&55word', 'password=pa&ssword', 'password=pa&ssword=', 'password=pa&5s=w']
  const unescaped = [...passwords, 'token=pa&55', 'credential=pa&55']

  test.each(unescaped)('and the rest of an unescaped secret is not quoted: %s', body => {
    const [name] = body.split('=')
    const escaped = `An unknown parameter follows ${name}: forms write & in a value as %26.`
    const problem = `invalid-parameter | ${escaped} The body can have ${all.join(', ')}.`
    expect(problemOf(`jid=juliet@chat.example&${body}`)).toBe(problem)
  })

  test('in time that grows only with the length, for many names and long strings', () => {
    const bodies = (times: number) => [
      [`${least}&${'tokxx=&'.repeat(times)}`, form],
      [JSON.stringify({ ...leastJson, x: '\\"'.repeat(times) }), json],
      [JSON.stringify({ ...leastJson, x: Array(times).fill({ jid: '' }) }), json],
      [`{"jid":"a@b.example","password":"x"${`,"y"${' '.repeat(20)}:1`.repeat(times)}}`, json],
      [`${JSON.stringify(leastJson)}${' '.repeat(times)}`, json],
    ]
    for (const [body, type] of bodies(50_000)) {
      // CPU time, because other processes may slow the machine down.
      const before = process.cpuUsage()
      problemOf(body!, type)
      expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
    }
  })

  test.each([
    ['another type', least, 'text/plain', 'unsupported-media-type'],
    ['a multipart form', least, 'multipart/form-data; boundary=x', 'unsupported-media-type'],
    ['another charset', least, `${form}; charset=iso-8859-1`, 'unsupported-media-type | The charset must be UTF-8.'],
    ['a form that is not UTF-8', Buffer.from([0x6a, 0xff]), form, 'invalid-body | It is not UTF-8.'],
    ['JSON that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), json, 'invalid-body | It is not UTF-8.'],
  ])('with %s', (_what, body, type, problem) => {
    expect(problemOf(body, type)).toBe(problem)
  })
})

test.each([
  ...['on', 'true', 'YES', '1'].map(word => [`remember=${word}`, form, true] as const),
  ...['off', 'false', 'No', '0'].map(word => [`remember=${word}`, form, false] as const),
  ['', form, false],
  ['{"remember":true}', json, true],
  ['{"remember":false}', json, false],
  ['{"remember":"on"}', json, true],
])('the body %s as %s requests a credential: %p', (body, type, remember) => {
  expect(parametersOf(body, type).remember ?? false).toBe(remember)
})

test('the form offers the options of an empty request, within the limits', () => {
  expect(usualOptions({ ...bosh, maxWait: 20 })).toEqual({ language: 'en', wait: 20, hold: 1, ver: '1.6' })
  expect(usualOptions({ ...bosh, maxWait: 300 }).wait).toBe(60)
})
