import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import type { NatsSettings } from '../../src/config/config.js'
import { ConfigError, loadConfig } from '../../src/config/load.js'
import { createLog } from '../../src/lib/log.js'
import { natsCarrier } from '../../src/processes/carriers/nats-carrier.js'
import { hello } from '../../src/processes/carriers/nats-wire.js'
import { carrierContract, Member } from '../processes/carrier-contract.js'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { describeRest, testRest } from '../support/matrix.js'
import { type NatsServer, type NatsServerOptions, natsPassword, startNatsServer } from '../support/nats-server.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { describeWith } from './needs.js'

const required = { ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'example.org' }

function settingsOf(environment: Record<string, string>): NatsSettings {
  return loadConfig({ ...required, ...environment }).config.nats!
}

let written = ''
const log = createLog('debug', {
  write(line) {
    written += line
  },
})

describeWith(['nats-server'], 'The NATS carrier', () => {
  let server: NatsServer
  const members: Member[] = []
  const clocks = new Map<Member, SteppedClock>()
  const servers: NatsServer[] = []
  const strangers: NatsConnection[] = []

  beforeAll(async () => {
    server = await startNatsServer()
  })

  afterAll(async () => {
    await server.remove()
  })

  afterEach(async () => {
    await Promise.all(members.splice(0).map(member => member.carrier.close()))
    await Promise.all(strangers.splice(0).map(stranger => stranger.close()))
    await Promise.all(servers.splice(0).map(each => each.remove()))
  })

  async function own(options: NatsServerOptions = {}): Promise<NatsServer> {
    const started = await startNatsServer(options)
    servers.push(started)
    return started
  }

  async function start(environment: Record<string, string> = {}, name?: string): Promise<Member> {
    const clock = new SteppedClock()
    const settings = settingsOf({ NATS_URL: server.url(), ...environment })
    const member = await Member.start(natsCarrier({ settings, log, clock }), name)
    members.push(member)
    clocks.set(member, clock)
    return member
  }

  async function pair(on = server): Promise<[Member, Member]> {
    const one = await start({ NATS_URL: on.url() })
    const other = await start({ NATS_URL: on.url() })
    one.carrier.announce(Buffer.from('here'))
    other.carrier.announce(Buffer.from('here'))
    await eventually('they know each other', () => one.knows(other) && other.knows(one))
    return [one, other]
  }

  /** Sends until it arrives. The first message after a break begins a new stream. */
  async function carriesAgain(one: Member, other: Member, text: string): Promise<void> {
    const again = setInterval(() => one.send(other, text), 50)
    await eventually(`${text} arrives`, () => other.from(one).toString().startsWith(text)).finally(() =>
      clearInterval(again),
    )
  }

  /** A NATS client with the service's permissions that is none of its processes. */
  async function stranger(): Promise<NatsConnection> {
    const connection = await connect({
      servers: `127.0.0.1:${server.port}`,
      user: 'warm-bindings',
      pass: natsPassword,
    })
    strangers.push(connection)
    return connection
  }

  describe('with the permissions of deploy/nats-server.conf', () => {
    carrierContract(() => natsCarrier({ settings: settingsOf({ NATS_URL: server.url() }), log }))

    test('uses only permitted subjects', () => {
      expect(written).not.toContain('does not permit')
      expect(written).toContain('NATS is connected')
    })

    test('logs no password', () => {
      expect(written).not.toContain(natsPassword)
    })
  })

  test('joins two processes before either has announced anything', async () => {
    const one = await start()
    const other = await start()
    await eventually('they know each other', () => one.knows(other) && other.knows(one))
  })

  test('sends only the last announcement to a process that joins later', async () => {
    const one = await start()
    one.carrier.announce(Buffer.from('first'))
    one.carrier.announce(Buffer.from('last'))
    const other = await start()
    await eventually('the announcement arrives', () => other.announced.includes(`${one.name} last`))
    expect(other.announced).toEqual([`${one.name} last`])
  })

  testRest('splits messages longer than max_payload', async () => {
    const small = await own({ more: 'max_payload: 1000' })
    const [one, other] = await pair(small)
    const text = Buffer.alloc(100_000, 'abcdefg')
    one.send(other, 'before')
    one.send(other, text)
    await eventually('all bytes arrive', () => other.from(one).length === text.length + 6)
    expect(other.from(one).equals(Buffer.concat([Buffer.from('before'), text]))).toBe(true)
    one.carrier.announce(Buffer.alloc(1000))
    one.carrier.announce(Buffer.from('short'))
    await eventually('the short announcement arrives', () => other.announced.includes(`${one.name} short`))
    expect(other.told).toEqual([`join ${one.name}`])
  })

  test('reports leave after a probe of a process without a subscription', async () => {
    const one = await start()
    const gone = await stranger()
    const hearing = gone.subscribe('warm-bindings.to.deadbeef.*')
    gone.publish('warm-bindings.hello', hello('deadbeef', Buffer.from('here')))
    await eventually('the process has joined', () => one.told.includes('join deadbeef'))
    one.carrier.probe('deadbeef')
    await gone.flush()
    expect(one.told).toEqual(['join deadbeef'])
    hearing.unsubscribe()
    await gone.flush()
    one.carrier.probe('deadbeef')
    await eventually('the process has left', () => one.told.includes('leave deadbeef'))
    one.carrier.probe('deadbeef')
    one.carrier.send('deadbeef', Buffer.from('lost'))
    expect(one.told).toEqual(['join deadbeef', 'leave deadbeef'])
  })

  test('reports break and leave after a message to a process that is gone', async () => {
    const one = await start()
    const gone = await stranger()
    const hearing = gone.subscribe('warm-bindings.to.deadbeef.*')
    gone.publish('warm-bindings.hello', hello('deadbeef', Buffer.alloc(0)))
    await eventually('the process has joined', () => one.told.includes('join deadbeef'))
    hearing.unsubscribe()
    await gone.flush()
    one.carrier.send('deadbeef', Buffer.from('lost'))
    await eventually('the process has left', () => one.told.includes('leave deadbeef'))
    expect(one.told).toEqual(['join deadbeef', 'break deadbeef', 'leave deadbeef'])
    gone.subscribe('warm-bindings.to.deadbeef.*')
    gone.publish('warm-bindings.hello', hello('deadbeef', Buffer.alloc(0)))
    await eventually('the process has joined again', () => one.told.length === 4)
    expect(one.told.at(-1)).toBe('join deadbeef')
  })

  test('reports only a break if a process loses its connection for a moment', async () => {
    const one = await start()
    const other = await stranger()
    const subscribe = () => other.subscribe('warm-bindings.to.deadbeef.*')
    const first = subscribe()
    other.publish('warm-bindings.hello', hello('deadbeef', Buffer.alloc(0)))
    await eventually('the process has joined', () => one.told.includes('join deadbeef'))
    first.unsubscribe()
    await other.flush()
    one.carrier.send('deadbeef', Buffer.from('lost'))
    await eventually('a break is reported', () => one.told.includes('break deadbeef'))
    const heard: string[] = []
    other.subscribe('warm-bindings.to.deadbeef.*', {
      callback: (_error, { data }) => void heard.push(Buffer.from(data).toString('latin1')),
    })
    other.publish(`warm-bindings.to.${one.name}.deadbeef`, Buffer.from([2, 0, 0, 0, 1]))
    await other.flush()
    one.carrier.send('deadbeef', Buffer.from('again'))
    await eventually('a new stream arrives', () => heard.includes('\u0001\0\0\0\u0001\0\0\0\0again'))
    clocks.get(one)!.advance(1_000)
    one.carrier.probe('deadbeef')
    await other.flush()
    expect(one.told).toEqual(['join deadbeef', 'break deadbeef'])
  })

  testRest('reports nothing after a probe of a running process', async () => {
    const [one, other] = await pair()
    one.carrier.probe(other.name)
    other.send(one, 'here')
    await eventually('the message arrives', () => one.from(other).toString() === 'here')
    expect(one.told).toEqual([`join ${other.name}`])
  })

  test('reports one break if NATS restarts, then delivers again', async () => {
    const restarting = await own()
    const [one, other] = await pair(restarting)
    one.send(other, 'before')
    await eventually('the message arrives', () => other.from(one).toString() === 'before')
    await restarting.stop()
    await eventually('both are disconnected', () => !one.carrier.isUp && !other.carrier.isUp)
    one.send(other, 'lost')
    expect([one.count('break', other), other.count('break', one)]).toEqual([1, 1])
    await restarting.start()
    await eventually('both are connected', () => one.carrier.isUp && other.carrier.isUp)
    await carriesAgain(one, other, 'again')
    await carriesAgain(other, one, 'back')
    expect(other.from(one).toString()).not.toContain('lost')
    expect([one, other].flatMap(({ told }) => told).filter(event => event.startsWith('leave'))).toEqual([])
  })

  testRest('loses messages only at a break if NATS restarts under load, and doubles no message', async () => {
    const restarting = await own({ more: 'max_payload: 4096' })
    const [one, other] = await pair(restarting)
    const runs: string[] = ['']
    const reading = natsCarrier({ settings: settingsOf({ NATS_URL: restarting.url() }), log })
    const reader = await reading('reader00', {
      onJoin: () => undefined,
      onBytes(node, bytes) {
        if (node === one.name) runs[runs.length - 1] += bytes.toString()
      },
      onAnnouncement: () => undefined,
      onBreak: node => void (node === one.name && runs.push('')),
      onLeave: node => void (node === one.name && runs.push('')),
    })
    reader.announce(Buffer.from('here'))
    await eventually('the reader has joined', () => one.told.includes('join reader00'))
    let sent = 0
    const load = setInterval(() => {
      for (let index = 0; index < 20; index++) {
        one.carrier.send('reader00', Buffer.from(`[${sent}:${'x'.repeat(sent % 500)}]`))
        sent += 1
      }
      one.carrier.announce(Buffer.from('here'))
      reader.announce(Buffer.from('here'))
    }, 5)
    try {
      for (let restart = 0; restart < 3; restart++) {
        const before = runs.length
        await restarting.stop()
        await restarting.start()
        await eventually('messages arrive again', () => runs.length > before && runs.at(-1)!.length > 50_000)
      }
    } finally {
      clearInterval(load)
      await reader.close()
    }
    const numbers = runs.flatMap(run => {
      // The last frame before a break may be cut off.
      const whole = run.slice(0, run.lastIndexOf(']') + 1)
      expect(whole).toMatch(/^(?:\[\d+:x*\])*$/)
      const found = [...whole.matchAll(/\[(\d+):/g)].map(([, number]) => Number(number))
      expect(found).toEqual(found.map((_, index) => found[0]! + index))
      return found
    })
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(other.knows(one)).toBe(true)
  })

  testRest('reports leave ten seconds after NATS has restarted without the other process', async () => {
    const restarting = await own()
    const [one, other] = await pair(restarting)
    await restarting.stop()
    await eventually('both are disconnected', () => !one.carrier.isUp && !other.carrier.isUp)
    // As if it had been killed meanwhile.
    await other.carrier.close()
    await restarting.start()
    await eventually('one is connected', () => one.carrier.isUp)
    one.carrier.probe(other.name)
    one.send(other, 'lost')
    await eventually('a break is reported', () => one.count('break', other) >= 2)
    expect(one.knows(other)).toBe(true)
    clocks.get(one)!.advance(10_000)
    one.carrier.probe(other.name)
    await eventually('the process has left', () => !one.knows(other))
  })

  testRest('reports a break to both sides of a lost message, then delivers again', async () => {
    const [one, other] = await pair()
    one.send(other, 'before')
    await eventually('the message arrives', () => other.from(one).toString() === 'before')
    // A message from one to the other with a later number: those before it are missing.
    const forger = await stranger()
    forger.publish(
      `warm-bindings.to.${other.name}.${one.name}`,
      Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 9, ...Buffer.from('stray')]),
    )
    await eventually('both get a break', () => one.count('break', other) === 1 && other.count('break', one) === 1)
    one.send(other, 'again')
    other.send(one, 'back')
    await eventually('messages arrive again', () => other.from(one).toString() === 'again')
    await eventually('messages arrive in the other direction', () => one.from(other).toString() === 'back')
    expect([one.told.length, other.told.length]).toEqual([2, 2])
  })

  test('drops messages of an old stream, then delivers new messages', async () => {
    const [one, other] = await pair()
    const forger = await stranger()
    const subject = `warm-bindings.to.${other.name}.${one.name}`
    forger.publish(subject, Buffer.from([2, 0, 0, 0, 7]))
    forger.publish(subject, Buffer.from([1, 0, 0, 0, 3, 0, 0, 0, 0, ...Buffer.from('old')]))
    await eventually('one gets an event', () => one.told.length > 0)
    await carriesAgain(one, other, 'new')
    expect(other.from(one).toString()).not.toContain('old')
  })

  testRest('ignores invalid messages of other NATS clients', async () => {
    const [one, other] = await pair()
    one.send(other, 'before ')
    const noise = await stranger()
    const names = ['deadbeef', 'DEADBEEF', '*', '$SYS', one.name, 'constructor', '__proto__']
    const payloads = ['', 'x', '\u0001', '\u0001\0\0', '\u0002', '\u0002abcdef', '\u0009'.repeat(100), '\u0005']
    for (const payload of payloads) {
      noise.publish('warm-bindings.hello', payload)
      for (const name of names)
        if (!name.includes('*')) noise.publish(`warm-bindings.to.${other.name}.${name}`, payload)
    }
    for (const name of ['DEADBEEF', 'a.b.c.d.', '>>>>>>>>', '********', '../../..', other.name, '\r\nPUB a '])
      noise.publish('warm-bindings.hello', hello(name, Buffer.from('garbage')))
    await noise.flush()
    one.send(other, 'behind')
    await eventually('messages arrive again', () => other.from(one).toString() === 'before behind')
    expect(other.told).toEqual([`join ${one.name}`])
    expect(one.told).toEqual([`join ${other.name}`])
    expect(other.announced.filter(text => text.includes('garbage'))).toEqual([])
  })

  testRest('accepts at most 1024 processes', async () => {
    const one = await start()
    const noise = await stranger()
    for (let index = 0; index < 1500; index++)
      noise.publish('warm-bindings.hello', hello(`n${String(index).padStart(7, '0')}`, Buffer.alloc(0)))
    await noise.flush()
    await eventually('many have joined', () => one.told.length >= 1024)
    await one.carrier.close()
    expect(one.told.filter(event => event.startsWith('join'))).toHaveLength(1024)
  })

  testRest('reconnects if NATS reads nothing, and reports a break for lost messages', async () => {
    const stopped = await own()
    const [one, other] = await pair(stopped)
    process.kill(stopped.pid(), 'SIGSTOP')
    const piece = Buffer.alloc(8 * 1024 * 1024)
    for (let sent = 0; sent < 10; sent++) {
      one.send(other, piece)
      await new Promise(resolve => setImmediate(resolve))
    }
    await eventually('it is disconnected', () => !one.carrier.isUp)
    await eventually('a break is reported', () => one.count('break', other) >= 1)
    process.kill(stopped.pid(), 'SIGCONT')
    await eventually('it is connected', () => one.carrier.isUp)
    await carriesAgain(one, other, 'again')
    expect(one.carrier.backlog(other.name)).toBeLessThan(1024)
  })

  testRest('reconnects after a freeze of NATS without reporting leave', async () => {
    const stopped = await own()
    const [one, other] = await pair(stopped)
    process.kill(stopped.pid(), 'SIGSTOP')
    await eventually('both are disconnected', () => !one.carrier.isUp && !other.carrier.isUp)
    process.kill(stopped.pid(), 'SIGCONT')
    await eventually('both are connected', () => one.carrier.isUp && other.carrier.isUp)
    await carriesAgain(one, other, 'again')
    expect(one.told.filter(event => event.startsWith('leave'))).toEqual([])
  })

  describe('at its start', () => {
    test('starts alone if NATS cannot be reached, and joins later', async () => {
      const late = await own()
      await late.stop()
      const one = await start({ NATS_URL: late.url() })
      expect(one.carrier.isUp).toBe(false)
      one.carrier.announce(Buffer.from('unheard'))
      expect(written).toContain('NATS cannot be reached')
      await late.start()
      await eventually('it is up', () => one.carrier.isUp)
      const other = await start({ NATS_URL: late.url() })
      await eventually('they know each other', () => one.knows(other) && other.knows(one))
      one.send(other, 'hello')
      await eventually('the message arrives', () => other.from(one).toString() === 'hello')
    })

    testRest('skips servers in NATS_URL that cannot be reached', async () => {
      const missing = await own()
      await missing.stop()
      const one = await start({ NATS_URL: `nats://127.0.0.1:${missing.port},${server.url()}` })
      expect(one.carrier.isUp).toBe(true)
    })

    test.each([
      ['a wrong password', () => ({ NATS_URL: server.url('warm-bindings:wrong') }), /refuses this service/],
      ['no user', () => ({ NATS_URL: server.url('') }), /refuses this service/],
      ['a token', () => ({ NATS_URL: server.url(''), NATS_TOKEN: 'guessed' }), /refuses this service/],
      [
        'a subject that is not permitted',
        () => ({ NATS_SUBJECT: 'another' }),
        /does not permit this service to subscribe to another/,
      ],
      [
        'TLS at a server without TLS',
        () => ({ NATS_URL: server.url().replace('nats:', 'tls:') }),
        /offers no TLS.*or do without tls:\/\/ in NATS_URL and set NATS_ALLOW_PLAINTEXT=on/,
      ],
      [
        'TLS at a server without TLS, and NATS_ALLOW_PLAINTEXT=on',
        () => ({ NATS_URL: server.url().replace('nats:', 'tls:'), NATS_ALLOW_PLAINTEXT: 'on' }),
        /or do without tls:\/\/ in NATS_URL, which NATS_ALLOW_PLAINTEXT=on contradicts/,
      ],
    ])('fails with a ConfigError for %s', async (_what, environment, problem) => {
      const failing = start(environment())
      await expect(failing).rejects.toThrow(ConfigError)
      await expect(failing).rejects.toThrow(problem)
      await expect(failing).rejects.not.toThrow(/wrong|guessed/)
    })
  })

  describeRest('without permission to publish', () => {
    const may = (publish: string) => `authorization { users: [ { user: "warm-bindings", password: "${natsPassword}"
      permissions: { publish: [${publish}], subscribe: ["warm-bindings.hello", "warm-bindings.to.*.*"] } } ] }`
    const all = may('"warm-bindings.hello", "warm-bindings.to.*.*"')

    test.each([
      ['to all processes', may('"warm-bindings.to.*.*"'), /permit this service to publish to warm-bindings\.hello:/],
      ['to one process', may('"warm-bindings.hello"'), /permit this service to publish to warm-bindings\.to\./],
    ])('%s, fails at the start with a ConfigError', async (_what, authorization, problem) => {
      const strict = await own({ authorization })
      const failing = start({ NATS_URL: strict.url() })
      await expect(failing).rejects.toThrow(ConfigError)
      await expect(failing).rejects.toThrow(problem)
    })

    test('is disconnected until the permission is granted again', async () => {
      const strict = await own({ authorization: all })
      const [one, other] = await pair(strict)
      await strict.authorize(may('"warm-bindings.hello"'))
      one.send(other, 'lost')
      await eventually('it is disconnected', () => !one.carrier.isUp)
      expect(one.count('break', other)).toBe(1)
      expect(written).toContain('NATS does not permit this')
      clocks.get(one)!.advance(5_000)
      await eventually('it has tried to connect', () => written.includes('NATS refuses this process'))
      expect(one.carrier.isUp).toBe(false)
      await strict.authorize(all)
      await eventually('it is connected', () => one.carrier.isUp)
      await carriesAgain(one, other, 'again')
    })
  })

  describe('with TLS', () => {
    let secure: NatsServer
    const folder = mkdtempSync(join(tmpdir(), 'wb-nats-test-'))
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }

    beforeAll(async () => {
      secure = await startNatsServer({ tls: true })
    })

    afterAll(async () => {
      await secure.remove()
      rmSync(folder, { recursive: true })
    })

    test('delivers with the configuration of deploy/', async () => {
      const environment = { NATS_URL: secure.url(), NATS_TLS_CA: file('ca.pem', secure.certificate!) }
      const one = await start(environment)
      const other = await start({
        ...environment,
        NATS_URL: secure.url().replace('tls:', 'nats:').replace('127.0.0.1', 'localhost'),
      })
      await eventually('they know each other', () => one.knows(other) && other.knows(one))
      one.send(other, 'hello')
      await eventually('the message arrives', () => other.from(one).toString() === 'hello')
    })

    test('fails at the start if the certificate is not trusted', async () => {
      await expect(start({ NATS_URL: secure.url() })).rejects.toThrow(
        /cannot be trusted.*\(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
      )
    })

    testRest('fails at the start if the certificate is for another host', async () => {
      const credentials = makeCertificate(['DNS:localhost'])
      const more = `tls { cert_file: "${file('o.crt', credentials.cert)}", key_file: "${file('o.key', credentials.key)}" }`
      const elsewhere = await own({ more })
      const environment = { NATS_TLS_CA: file('other.pem', credentials.cert) }
      await expect(start({ ...environment, NATS_URL: elsewhere.url() })).rejects.toThrow(/ERR_TLS_CERT_ALTNAME_INVALID/)
      const one = await start({ ...environment, NATS_URL: elsewhere.url().replace('127.0.0.1', 'localhost') })
      expect(one.carrier.isUp).toBe(true)
    })

    testRest('sends a client certificate if NATS requires it', async () => {
      const authority = makeCertificate([], { commonName: 'authority' })
      const host = makeCertificate(['IP:127.0.0.1'], { issuer: authority })
      const client = makeCertificate(['DNS:warm-bindings'], { issuer: authority })
      const ca = file('authority.pem', authority.cert)
      const wanting = await own({
        more: `tls { cert_file: "${file('h.crt', host.cert)}", key_file: "${file('h.key', host.key)}", ca_file: "${ca}", verify: true }`,
      })
      const one = await start({
        NATS_URL: wanting.url(),
        NATS_TLS_CA: ca,
        NATS_TLS_CERT: file('c.pem', client.cert),
        NATS_TLS_KEY: file('c.key', client.key),
      })
      expect(one.carrier.isUp).toBe(true)
    })
  })

  describeRest('authenticates to NATS with', () => {
    const folder = mkdtempSync(join(tmpdir(), 'wb-nats-test-'))
    afterAll(() => rmSync(folder, { recursive: true }))

    test('a token', async () => {
      const guarded = await own({ authorization: 'authorization { token: "t0ken" }' })
      const one = await start({ NATS_URL: guarded.url(''), NATS_TOKEN: 't0ken' })
      expect(one.carrier.isUp).toBe(true)
      await expect(start({ NATS_URL: guarded.url(''), NATS_TOKEN: 'another' })).rejects.toThrow(/refuses/)
    })

    test('credentials', async () => {
      const { nkeys } = await import('@nats-io/transport-node')
      const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()]
      const jwt = (by: typeof user, of: typeof user, nats: object) => {
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
        const claims = { jti: 'x', iat: 1, iss: by.getPublicKey(), name: 'test', sub: of.getPublicKey() }
        const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ ...claims, nats })}`
        return `${text}.${Buffer.from(by.sign(Buffer.from(text))).toString('base64url')}`
      }
      const limits = { subs: -1, data: -1, payload: -1 }
      const subjects = { allow: ['warm-bindings.hello', 'warm-bindings.to.*.*'] }
      const accountLimits = { ...limits, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
      const accountJwt = jwt(operator, account, { type: 'account', version: 2, limits: accountLimits })
      const userJwt = jwt(account, user, {
        type: 'user',
        version: 2,
        pub: subjects,
        sub: subjects,
        ...limits,
      })
      const guarded = await own({
        authorization: `operator: ${jwt(operator, operator, { type: 'operator', version: 2 })}
          resolver: MEMORY
          resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
      })
      const creds = join(folder, 'creds')
      const write = (seed: Uint8Array) =>
        writeFileSync(
          creds,
          `-----BEGIN NATS USER JWT-----\r\n${userJwt}\r\n------END NATS USER JWT------\r\n\r\n-----BEGIN USER NKEY SEED-----\r\n${new TextDecoder().decode(seed)}\r\n------END USER NKEY SEED------\r\n`,
        )
      write(user.getSeed())
      const environment = { NATS_URL: guarded.url(''), NATS_CREDS_FILE: creds }
      const one = await start(environment)
      const other = await start(environment)
      await eventually('they know each other', () => one.knows(other) && other.knows(one))
      write(nkeys.createUser().getSeed())
      await expect(start(environment)).rejects.toThrow(/refuses this service/)
    })

    test('an nkey', async () => {
      const { nkeys } = await import('@nats-io/transport-node')
      const pair = nkeys.createUser()
      const guarded = await own({
        authorization: `authorization { users: [{ nkey: ${pair.getPublicKey()} }] }`,
      })
      const seed = join(folder, 'seed')
      writeFileSync(seed, `${new TextDecoder().decode(pair.getSeed())}\n`)
      const one = await start({ NATS_URL: guarded.url(''), NATS_NKEY_FILE: seed })
      expect(one.carrier.isUp).toBe(true)
      writeFileSync(seed, `SU${'A'.repeat(56)}`)
      await expect(start({ NATS_URL: guarded.url(''), NATS_NKEY_FILE: seed })).rejects.toThrow(/seed that is broken/)
    })
  })
})
