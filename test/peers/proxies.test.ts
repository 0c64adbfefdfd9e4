// The service behind the web servers of Debian, configured as `deploy/` says.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { systemClock } from '../../src/lib/clock.js'
import { version } from '../../src/lib/package-json.js'
import { processIn } from '../../src/store/process-name.js'
import { attribute, BoshClient, type Post } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { stoppedAfterAll, stoppedAfterEach } from '../support/closers.js'
import { ask, type HttpAnswer } from '../support/http-answer.js'
import { memoryStore } from '../support/memory-store.js'
import { freePorts } from '../support/ports.js'
import { type ProxyName, proxiesOfSeveral, type RunningProxy, startProxy } from '../support/proxy.js'
import { type Relay, startRelay } from '../support/relay.js'
import {
  adminHeader,
  bindingIn,
  startTestService,
  type TestService,
  type TestServiceOptions,
  type WarmBinding,
} from '../support/start-service.js'
import { openPage, take } from '../support/taking-page.js'
import { testFolder } from '../support/test-folder.js'
import { close } from '../support/websocket-stage.js'
import type { WebSocketWire } from '../support/websocket-wire.js'
import { describeWith } from './needs.js'

const names: readonly ProxyName[] = ['nginx', 'haproxy', 'apache2', 'lighttpd']
/** Debian's lighttpd needs another package for TLS. */
const packagesOf = (name: ProxyName) => (name === 'lighttpd' ? [name, 'lighttpd-mod-openssl'] : [name])
const alice = { jid: 'alice@localhost', password: 'demo' }

const keepForAll = stoppedAfterAll()
let server: DemoServer
let service: TestService

beforeAll(async () => {
  server = await keepForAll(startDemoServer({ alice: 'demo', bob: 'demo' }))
  service = await keepForAll(startService({ TRUSTED_PROXIES: '127.0.0.1' }))
})

const startService = (
  environment: Readonly<Record<string, string>> = {},
  more: Pick<TestServiceOptions, 'store'> = {},
) => startTestService({ servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`, environment, ...more })

const keep = stoppedAfterEach()
/** Users of proxies can enter it. */
const { folder, file } = testFolder(0o755)

const portOf = ({ url }: TestService) => Number(new URL(url).port)

/** Sends a message, and resolves with the response that contains `sign`. */
async function says(socket: WebSocketWire, message: string, sign: RegExp): Promise<string> {
  socket.send(message)
  for (;;) {
    const said = await socket.message()
    if (sign.test(said)) return said
  }
}

async function leave(socket: WebSocketWire): Promise<void> {
  expect((await socket.send(close).rest()).code).toBe(1000)
  socket.drop()
}

const asAdmin = { Authorization: adminHeader, 'Content-Type': 'application/json', Accept: 'application/json' }

/** A client that trusts the proxy. */
class Visitor {
  readonly #url: string
  readonly #agent: Agent

  /** `from`: the client's address on this machine. */
  constructor({ url, ca }: RunningProxy, from = '127.0.0.1') {
    this.#url = url
    this.#agent = new Agent({ keepAlive: true, ca, localAddress: from })
  }

  /** Asks for a path, or a URL with another name of the proxy. */
  ask(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<HttpAnswer> {
    return ask(new URL(path, this.#url).href, { method, agent: this.#agent, headers }, body)
  }

  /** Requests a path that a URL would normalize. */
  askRaw(path: string): Promise<number> {
    const { hostname, port } = new URL(this.#url)
    return new Promise((resolve, reject) => {
      request({ hostname, port, path, agent: this.#agent }, response => {
        response.resume().on('end', () => resolve(response.statusCode!))
      })
        .on('error', reject)
        .end()
    })
  }

  async warm(): Promise<WarmBinding> {
    return bindingIn(await this.ask('POST', '/warm', asAdmin, JSON.stringify(alice)))
  }

  /** Resumes a session at its process, bound to a browser. */
  async resume({ url, id }: WarmBinding): Promise<WarmBinding> {
    const path = url.replace(/http-bind$/, `warm/${id}/resume`)
    return bindingIn(await this.ask('POST', path, asAdmin, '{"attach_binding":"reply"}'))
  }

  attach({ url, sid, rid, cookie }: WarmBinding): BoshClient {
    const shown = cookie === undefined ? {} : { Cookie: `${cookie.name}=${cookie.value}` }
    const post: Post = body => this.ask('POST', url, { 'Content-Type': 'text/xml; charset=utf-8', ...shown }, body)
    return new BoshClient(url, { sid, rid, post })
  }

  /** Attaches to a session over WebSocket, with its token. */
  async attachSocket({ jid, websocket }: WarmBinding): Promise<WebSocketWire> {
    const { origin, pathname, host } = new URL(websocket!.url)
    const socket = await openPage(origin.replace('wss', 'https'), pathname, { Host: host }, 'localhost')
    expect(await take(socket, websocket!.token, 'localhost')).toBe(jid)
    return socket
  }

  leave(): void {
    this.#agent.destroy()
  }
}

const ping = "<iq xmlns='jabber:client' type='get' id='p1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
const message = (to: string, text: string) =>
  `<message xmlns='jabber:client' type='chat' to='${to}'><body>${text}</body></message>`

/** Other ways to write the path of the warm API, and paths that a server may take for it. */
const warmPaths = [
  ...['/warm', '/warm/', '/warm/sessions', '//warm', '///warm//sessions', '/./warm', '/x/../warm', '/WARM'],
  ...['/%77arm', '/%2Fwarm', '/%2e/warm', '/warm;x', '/warm%2Fsessions', '/assets/..//warm'],
  // And paths that a proxy may pass on unchanged, although it treats them as paths that are open to all.
  ...['/warm/../http-bind', '/warm/%2e%2e/http-bind', '/warm/sessions/..%2f..%2f..%2fhttp-bind'],
  ...['/warm/../xmpp-websocket', '/warm/../.well-known/host-meta', '/warm/../assets/strophe.js'],
  ...['/warm/sessions/..%2f..%2f..%2fassets%2fstrophe.js', '/assets/strophe.js/../../warm'],
  ...['/assets/..%2fwarm%2fstrophe.js', '/assets/warm-bindings-/../../warm/x.js'],
  ...['/connect/../warm', '/connect/..//warm', '/connect/%2e%2e/warm', '/connect%2f..%2fwarm'],
  ...['/http-bind/../warm', '/http-bind/..//warm', '/http-bind/%2e%2e/warm', '/http-bind%2f..%2fwarm'],
]

const visitorOfTest = (proxy: RunningProxy, from?: string) => keep(new Visitor(proxy, from))

async function expectClosedToOthers(proxy: RunningProxy): Promise<void> {
  const stranger = await visitorOfTest(proxy, '127.0.0.2')
  for (const path of warmPaths) {
    // 401 would come from the service.
    expect({ path, status: await stranger.askRaw(path) }).not.toMatchObject({ status: 401 })
  }
  expect(await stranger.askRaw('/warm')).toBe(403)
}

/** The log has the address of this client, 127.0.0.2. What the client itself sends is further left, and ignored. */
async function expectLogged(visitor: Visitor, behind: TestService): Promise<void> {
  const headers = { 'X-Forwarded-For': '203.0.113.66' }
  expect((await visitor.ask('POST', '/.well-known/host-meta', headers)).status).toBe(405)
  const line = behind.lines.findLast(text => text.includes('"method-not-allowed"'))!
  expect(JSON.parse(line).address).toBe('127.0.0.2')
}

for (const name of names) {
  describeWith(packagesOf(name), `A service behind ${name}`, () => {
    const keepForGroup = stoppedAfterAll()
    let proxy: RunningProxy
    let behind: TestService
    let visitor: Visitor

    beforeAll(async () => {
      const [port] = (await freePorts(1)) as [number]
      proxy = await keepForGroup(startProxy(name, [port]))
      const addresses = { PORT: String(port), EXTERNAL_URL: proxy.url }
      behind = await keepForGroup(startService({ TRUSTED_PROXIES: '127.0.0.1', ...addresses }))
      visitor = await keepForGroup(new Visitor(proxy))
    })

    test('redirects requests without TLS to https (301)', async () => {
      const headers = { Host: 'chat.example.org' }
      const reply = await ask(`${proxy.clearUrl}/xmpp-websocket?a=b`, { headers })
      expect([reply.status, reply.headers.location]).toEqual([301, 'https://chat.example.org/xmpp-websocket?a=b'])
    })

    test('returns its public URL to pages, where their sessions work', async () => {
      const binding = await visitor.warm()
      expect(binding.url).toBe(`${proxy.url}/http-bind`)
      expect((await visitor.ask('GET', '/.well-known/host-meta.json')).text).toContain(binding.url)
      const page = visitor.attach(binding)
      expect(await page.request(ping)).toContain("id='p1'")
      expect(attribute(await page.terminate(), 'type')).toBe('terminate')
    })

    test('serves warmed sessions over WebSocket', async () => {
      const binding = await visitor.warm()
      expect(binding.websocket?.url).toBe(`${proxy.url.replace('http', 'ws')}/xmpp-websocket/warm`)
      const page = await visitor.attachSocket(binding)
      expect(await says(page, ping, /id='p1'/)).toContain("type='result'")
      await leave(page)
      expect((await visitor.ask('GET', '/xmpp-websocket')).text).toContain('WebSocket endpoint')
    })

    test('answers a held request as soon as a message arrives', async () => {
      const page = visitor.attach(await visitor.warm())
      const bobs = await behind.bind({ jid: 'bob@localhost', password: 'demo' })
      const bob = new BoshClient(`${behind.url}/http-bind`, bobs)
      const first = page.request("<presence xmlns='jabber:client'/>")
      await first
      const held = page.request()
      const before = performance.now()
      void bob.request(message('alice@localhost', `through ${name}`))
      expect(await held).toContain(`through ${name}`)
      // A proxy that buffers would hold it until the request ends.
      expect(performance.now() - before).toBeLessThan(5_000)
      await Promise.all([page.terminate(), bob.terminate()])
      bob.close()
    })

    test('logs the address of the client, whatever its own X-Forwarded-For', async () => {
      await expectLogged(await visitorOfTest(proxy, '127.0.0.2'), behind)
    })

    test('allows the warm API to this machine only, however its path is written', async () => {
      await expectClosedToOthers(proxy)
      expect(await visitor.askRaw('/warm')).toBe(401)
    })

    test('allows /connect to all addresses', async () => {
      const stranger = await visitorOfTest(proxy, '127.0.0.2')
      const answer = await stranger.ask('POST', '/connect', { Accept: 'application/json' })
      // The service itself has no such path without PAGE_ORIGINS.
      expect(JSON.parse(answer.text)).toMatchObject({ status: 404, code: 'not-found' })
    })

    test('serves the page module and Strophe to all addresses, and no other asset', async () => {
      const stranger = await visitorOfTest(proxy, '127.0.0.2')
      for (const name of ['strophe', 'warm-bindings', `warm-bindings-${version}`, 'warm-bindings-converse']) {
        const file = `${name}.js`
        const { status, headers } = await stranger.ask('GET', `/assets/${file}?v=1`)
        expect([file, status, headers['content-type']]).toEqual([...[file, 200], expect.stringContaining('javascript')])
      }
      const others = ['/', '/style.css', '/attach.js', '/strophe.js.map', '/x/strophe.js', '/warm-bindings-']
      for (const path of others)
        expect([path, (await stranger.ask('GET', `/assets${path}`)).status]).toEqual([path, 403])
      expect((await visitor.ask('GET', '/assets/style.css')).status).toBe(200)
    })

    test('returns 404 for other paths', async () => {
      for (const path of ['/http-bind-not', '/xmpp-websocket-not'])
        expect((await visitor.ask('GET', path)).status).toBe(404)
    })
  })
}

/** Listens at a Unix socket. */
async function startAtSocket(environment: (path: string) => Readonly<Record<string, string>>) {
  const path = join(folder, 'http.sock')
  const usual = { HOST: `unix:${path}`, SOCKET_MODE: '666', TRUSTED_PROXIES: 'none' }
  const behind = await keep(startService({ ...usual, ...environment(path) }))
  return { path, behind }
}

/** A session over BOSH and over WebSocket, and the address that the log has. */
async function expectAddress(proxy: RunningProxy, behind: TestService): Promise<void> {
  const [visitor, caller] = [await visitorOfTest(proxy, '127.0.0.2'), await visitorOfTest(proxy)]
  const page = visitor.attach(await caller.warm())
  expect(await page.request(ping)).toContain("id='p1'")
  await page.terminate()
  const socket = await visitor.attachSocket(await caller.warm())
  expect(await says(socket, ping, /id='p1'/)).toContain("type='result'")
  await leave(socket)
  await expectLogged(visitor, behind)
}

describeWith(['nginx'], 'A service at a Unix socket', () => {
  test('gets the address of clients from nginx', async () => {
    const [port] = (await freePorts(1)) as [number]
    const { path, behind } = await startAtSocket(() => ({ EXTERNAL_URL: `https://127.0.0.1:${port}` }))
    const adapted = (text: string) => text.replace('server 127.0.0.1:8080', `server unix:${path}`)
    await expectAddress(await keep(startProxy('nginx', [1], adapted, port)), behind)
  })
})

describeWith(['haproxy'], 'A service behind HAProxy as a balancer of connections', () => {
  const balancer = (server: string) => () =>
    'defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 90s\n    timeout server 90s\n' +
    `listen all\n    bind :443 ssl crt /etc/haproxy/chat.example.org.pem\n    server node1 ${server}\n`

  test('gets client addresses from PROXY headers: version 1, 2, at a Unix socket, and before TLS', async () => {
    const [port, plain, secure] = (await freePorts(3)) as [number, number, number]
    const { path, behind } = await startAtSocket(path => {
      const { cert, key } = makeCertificate(['IP:127.0.0.1'])
      return {
        HOST: `127.0.0.1:${plain},unix:${path}`,
        HTTPS_HOST: `127.0.0.1:${secure}`,
        TLS_CERT: file('own.pem', cert + key),
        PROXY_PROTOCOL: 'on',
        TRUSTED_PROXIES: '127.0.0.1',
        ASSUME_SECURE: 'on',
        EXTERNAL_URL: `https://127.0.0.1:${port}`,
      }
    })
    for (const server of [
      `127.0.0.1:${plain} send-proxy`,
      `unix@${path} send-proxy-v2`,
      `127.0.0.1:${secure} send-proxy-v2-ssl ssl verify none`,
    ]) {
      const proxy = await keep(startProxy('haproxy', [1], balancer(server), port))
      await expectAddress(proxy, behind)
      await proxy.stop()
    }
  })
})

describeWith(['apache2'], 'A service behind Apache with MergeSlashes Off', () => {
  test('allows the warm API to this machine only', async () => {
    const adapted = (text: string) => text.replace('SSLEngine on', 'SSLEngine on\n    MergeSlashes Off')
    await expectClosedToOthers(await keep(startProxy('apache2', [portOf(service)], adapted)))
  })
})

describeWith(['nginx'], 'The configuration for nginx', () => {
  /** What an operator writes for HTTP/2, as the file says. */
  function withHttp2(text: string): string {
    const { stderr } = spawnSync('nginx', ['-v'], { encoding: 'utf8' })
    const [, major = 0, minor = 0, patch = 0] = /(\d+)\.(\d+)\.(\d+)/.exec(stderr)?.map(Number) ?? []
    const isNew = major * 1e6 + minor * 1e3 + patch >= 1_025_001
    return isNew ? text.replace('#http2 on;', 'http2 on;') : text.replace('listen 443 ssl;', 'listen 443 ssl http2;')
  }

  test.each([
    ['for one process', [1], 'HTTP/1.1', (text: string) => text],
    ['for one process, with HTTP/2', [1], 'h2', withHttp2],
    ['for several processes, with HTTP/2', [1, 2], 'h2', withHttp2],
  ] as const)('%s starts this version of nginx without a warning', async (_which, processes, protocol, adapted) => {
    const port = portOf(service)
    const proxy = await keep(startProxy('nginx', processes.length === 1 ? [port] : [port, port], adapted))
    const socket = connect({
      ...{ host: '127.0.0.1', port: Number(new URL(proxy.url).port), ca: proxy.ca },
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    await once(socket, 'secureConnect')
    expect(socket.alpnProtocol).toBe(protocol.toLowerCase())
    socket.destroy()
    expect(proxy.said).toBe('')
  })
})

describeWith(names.flatMap(packagesOf), 'A request that is held for its whole `wait`', () => {
  test('is answered by the service before any proxy times out', async () => {
    const proxies = await Promise.all(names.map(name => keep(startProxy(name, [portOf(service)]))))
    const answers = proxies.map(async proxy => {
      const visitor = await visitorOfTest(proxy)
      const page = visitor.attach(await visitor.warm())
      await page.request("<presence xmlns='jabber:client'/>")
      let answer = await page.request()
      // Skips the presence of the user's other sessions.
      while (answer.includes('<presence')) answer = await page.request()
      return { answer, page }
    })
    const ended = await Promise.all(answers)
    const empty = "<body xmlns='http://jabber.org/protocol/httpbind'/>"
    expect(ended.map(({ answer }) => answer)).toEqual(names.map(() => empty))
    // After all have ended: the others would get the presence of each that leaves.
    for (const { page } of ended) await page.terminate()
  })
})

/** Sets the proxies' idle timeouts to 2 s, but for WebSockets. */
const impatient: Record<ProxyName, (configuration: string) => string> = {
  nginx: text => text.replace('proxy_read_timeout 90s', 'proxy_read_timeout 2s'),
  haproxy: text => text.replaceAll(/(timeout (client|server)) 90s/g, '$1 2s'),
  apache2: text => text.replace('ProxyTimeout 90', 'ProxyTimeout 2\n    Timeout 2'),
  lighttpd: text => `server.max-read-idle = 2\nserver.max-write-idle = 2\n${text}`,
}

describeWith(names.flatMap(packagesOf), 'An idle WebSocket', () => {
  test('stays open at all proxies for longer than an idle request', async () => {
    const silent = await keep(startService({ TRUSTED_PROXIES: '127.0.0.1', WEBSOCKET_PING_INTERVAL: '0' }))
    const proxies = await Promise.all(names.map(name => keep(startProxy(name, [portOf(silent)], impatient[name]))))
    const answers = proxies.map(async proxy => {
      const visitor = await visitorOfTest(proxy)
      const { websocket, ...binding } = await visitor.warm()
      const url = `${proxy.url.replace('http', 'ws')}/xmpp-websocket/warm`
      const page = await visitor.attachSocket({ ...binding, websocket: { ...websocket!, url } })
      // Longer than all timeouts together.
      await pause(7_000)
      const said = await says(page, ping, /id='p1'/)
      await leave(page)
      return said
    })
    expect(await Promise.all(answers)).toEqual(names.map(() => expect.stringContaining("type='result'")))
  })
})

for (const name of proxiesOfSeveral) {
  describeWith([name], `Two processes behind ${name}`, () => {
    let nodes: TestService[]
    /** The network between the processes: through each, others reach the process of its place. */
    let links: Relay[]
    /** The network between the proxy and each of them. */
    let relays: Relay[]
    let proxy: RunningProxy
    let visitor: Visitor

    beforeEach(async () => {
      const [port, ...others] = (await freePorts(5)) as [number, number, number, number, number]
      const relaysTo = (own: readonly number[]) =>
        Promise.all(own.map(each => keep(startRelay(`http://127.0.0.1:${each}`))))
      const ports = others.slice(0, 2)
      const peerPorts = others.slice(2)
      relays = await relaysTo(ports)
      links = await relaysTo(peerPorts)
      const [first, second] = relays.map(({ port }) => port)
      const settings = {
        ...{ EXTERNAL_URL: `https://127.0.0.1:${port}`, MAX_SESSIONS: '20' },
        // The store of the test takes the place of this Redis.
        ...{ REDIS_URL: 'unix:/nowhere', SEAL_KEY_FILE: file('seal.key', randomBytes(32).toString('base64')) },
      }
      const store = memoryStore(systemClock)
      nodes = await Promise.all(
        ports.map((own, index) => {
          const peers = { PEER_LISTEN: `127.0.0.1:${peerPorts[index]}`, PEER_ADDRESS: new URL(links[index]!.url).host }
          return keep(startService({ ...settings, ...peers, PORT: String(own) }, { store }))
        }),
      )
      // Last: HAProxy ignores a process for seconds if its first check fails.
      proxy = await keep(startProxy(name, [first!, second!], undefined, port))
      visitor = await keep(new Visitor(proxy))
    })

    const nameOf = async (node: TestService) => processIn((await node.bind(alice)).sid)!

    /** The responses to pages with held requests during `act`, and to their next requests. */
    async function toldAround(act: () => void | Promise<void>) {
      const pages = []
      for (let count = 0; count < 8; count++) {
        const binding = await visitor.warm()
        const page = visitor.attach(binding)
        await page.request(ping)
        // Half of the pages have their request held at the other process.
        if (count % 2 === 1) await visitor.ask('GET', '/http-bind')
        const held = page.request().catch((error: Error) => error.message)
        pages.push({ node: processIn(binding.sid), page, held })
      }
      await pause(200)
      await act()
      // Until the requests whose connections broke are held again.
      await pause(600)
      return Promise.all(
        pages.map(async ({ node, page, held }) => {
          const said = page.terminate().catch((error: Error) => error.message)
          return { node, told: `${await held}\n${await said}` }
        }),
      )
    }

    const wellTold = /^<body type='terminate' xmlns='[^']*'\/>\n<body xmlns='[^']*'\/>$/

    test('serve, resume and end each session at one URL', async () => {
      const bindings = await Promise.all([1, 2, 3, 4].map(() => visitor.warm()))
      for (const binding of bindings) expect(binding.url).toBe(`${proxy.url}/http-bind`)
      expect(new Set(bindings.map(({ sid }) => processIn(sid))).size).toBe(2)
      for (const binding of bindings) {
        const page = visitor.attach(binding)
        for (let count = 0; count < 4; count++) expect(await page.request(ping)).toContain("id='p1'")
        const resumed = await visitor.resume(binding)
        expect(resumed.url).toBe(binding.url)
        expect(await visitor.attach(resumed).terminate()).not.toContain('condition')
      }
      for (const binding of await Promise.all([1, 2, 3, 4].map(() => visitor.warm()))) {
        const page = await visitor.attachSocket(binding)
        expect(await says(page, ping, /id='p1'/)).toContain("type='result'")
        await leave(page)
      }
      expect(nodes.map(({ service: { counts } }) => counts().sessions)).toEqual([0, 0])
    })

    test('lose only the sessions of a killed process, whose pages get item-not-found at once', async () => {
      const goneName = await nameOf(nodes[0]!)
      const talks = await toldAround(() => {
        void links[0]!.stop()
        void relays[0]!.stop()
      })
      expect(new Set(talks.map(({ node }) => node)).size).toBe(2)
      for (const { node, told } of talks)
        expect(told).toMatch(node === goneName ? /^<body [^>]*item-not-found.*\n<body [^>]*item-not-found/ : wellTold)
      for (let count = 0; count < 4; count++) {
        const page = visitor.attach(await visitor.warm())
        expect(await page.request(ping)).toContain("id='p1'")
      }
    })

    test('serve their sessions even if both are full', async () => {
      const bindings = []
      for (let count = 0; count < 40; count++) bindings.push(await visitor.warm())
      expect(nodes.map(({ service: { counts } }) => counts().sessions)).toEqual([20, 20])
      const pages = bindings.slice(0, 8).map(binding => visitor.attach(binding))
      // After 3 s, the proxy's health checks have seen that both are full.
      for (let count = 0; count < 25; count++) {
        for (const page of pages) expect(await page.request(ping)).toContain("id='p1'")
        await pause(200)
      }
    })
  })
}
