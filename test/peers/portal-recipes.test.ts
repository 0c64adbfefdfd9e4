// The recipes for backends in the documents and in examples/recipes: calls of each client, and whole portals.
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { clients, runProgram } from '../support/backends/programs.js'
import { stoppedAfterAll } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { Listener } from '../support/listener.js'
import { callConnect } from '../support/page-call.js'
import { pageSecret, settingsForPages } from '../support/page-token.js'
import { freePorts } from '../support/ports.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'
import { admin, bindingIn, startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { callsIn, Document, documented } from './documented.js'
import { describeWith } from './needs.js'

const { account, password } = documented
const jid = documented.jid.replace('example.org', 'localhost')

const { folder, file: write } = testFolder()
const origin = 'https://www.example.org'
const keep = stoppedAfterAll()
/** In front of the service: forwards all calls, or first refuses them with these statuses. `cut` ends the connection. */
let front: Listener
const refusals: (number | 'cut')[] = []
/** Seconds that refusals ask for. */
let retryAfter = '0'
/** When the calls arrived. */
const arrivals: number[] = []
let service: TestService
/** Lines of the log before the test. */
let seen: number

beforeAll(async () => {
  const environment = {
    ADMIN_USERS: `${account.name}:${account.secret},${admin.name}:${admin.secret}`,
    ...settingsForPages(origin, write('page-secrets', pageSecret)),
  }
  service = await keep(startTestService({ demo: [{ alice: password }, { portal: 'secret-of-portal' }], environment }))
  const forwarding = createServer((request, response) => {
    arrivals.push(performance.now())
    const refusal = refusals.shift()
    if (refusal === 'cut') return void request.socket.destroy()
    if (refusal !== undefined) return void response.writeHead(refusal, { 'Retry-After': retryAfter }).end()
    const { method, headers } = request
    const forwarded = httpRequest(service.url + request.url, { method, headers, agent: false }, answer => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    request.pipe(forwarded)
  })
  front = await keep(Listener.start(forwarding))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'warm-bindings'))
  for (const name of ['express', 'jose'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  cpSync(clients, folder, { recursive: true })
  write('package.json', '{ "type": "module" }')
})

beforeEach(() => {
  seen = service.lines.length
  refusals.length = 0
  arrivals.length = 0
  retryAfter = '0'
})

/** The session that a page gets with its token. */
const session = async (token: string, tab: string) => bindingIn(await callConnect(service.url, origin, { token, tab }))

const calls = () => callsIn(service.lines.slice(seen))

/** The first block of code in this language that contains `sign`. */
function recipe(file: string, language: string, sign: string): string {
  const found = new Document(file, service.url).blocks(language).find(code => code.includes(sign))
  if (found === undefined) throw new Error(`there is no ${language} with ${sign}`)
  return found
}

const languages = [
  {
    ...{ language: 'js', packages: [], command: process.execPath },
    ...{ endsVisit: 'service.endVisit(', printJid: 'console.log(binding.jid)' },
    ...{ readName: 'const name = process.argv[2]', printLocal: 'console.log(local)' },
  },
  {
    ...{ language: 'php', packages: ['php-cli'], command: 'php' },
    ...{ endsVisit: '->endVisit(', printJid: 'echo $binding["jid"];' },
    ...{ readName: '<?php $name = $argv[1];', printLocal: 'echo $local;' },
  },
  {
    ...{ language: 'python', packages: ['python3'], command: 'python3' },
    ...{ endsVisit: '.end_visit(', printJid: 'print(binding["jid"])' },
    ...{ readName: 'import re, sys\nname = sys.argv[1]', printLocal: 'print(local)' },
  },
]

for (const { language, packages, command, endsVisit, printJid, readName, printLocal } of languages)
  describeWith(packages, `The examples in ${language}`, () => {
    test('of docs/embed.md warm a session, and end it', async () => {
      const file = write(`calls.${language}`, `${recipe('docs/embed.md', language, endsVisit)}\n${printJid}\n`)
      expect(await runProgram(command, [file])).toContain(`${jid}/`)
      expect(calls()).toEqual(['warm: ok', 'logout: ok'])
    })

    test.each([
      ['alice', 'alice'],
      ["o'hara", String.raw`o\27hara`],
      ['bob@other.example/', String.raw`bob\40other.example\2f`],
      ['d"artagnan & co <:>', String.raw`d\22artagnan\20\26\20co\20\3c\3a\3e`],
      [String.raw`c:\net \2f \5C \c`, String.raw`c\3a\net\20\5c2f\20\5c5C\20\c`],
    ])('of docs/api.md convert the name %j to %s', async (name, local) => {
      const escaping = recipe('docs/api.md', language, '2[267f]')
      const file = write(`escape.${language}`, `${readName}\n${escaping}\n${printLocal}\n`)
      expect((await runProgram(command, [file, name])).trim()).toBe(local)
    })
  })

/** A portal around a recipe. */
interface Portal {
  readonly packages: readonly string[]
  /** The command that starts it at a port, with recipes read from their files. */
  start(port: number, file: (name: string) => string): readonly [string, ...string[]]
  readonly paths?: typeof usualPaths
  /** Whether its route answers with bindings of `/warm`, in place of tokens. */
  readonly warms?: boolean
}

const usualPaths = { token: '/chat/token', signIn: '/sign-in', renew: '/renew', signOut: '/sign-out' }

/** A program around a recipe, with the sessions of express-session. At the sign-out, the recipe gets `given`. */
const expressWith = (recipe: string, given: string, port: number) => `import express from 'express'
const app = express().set('env', 'production')
const sessions = new Map()
app.use((request, response, next) => {
  const id = /visit=(\\w+)/.exec(request.get('cookie'))?.[1] ?? crypto.randomUUID().replaceAll('-', '')
  request.session = sessions.get(id) ?? { id }
  next()
})
app.get('/sign-in', ({ session }, response) => {
  const user = { name: 'alice', jid: '${jid}', password: '${password}' }
  sessions.set(session.id, { id: session.id, user })
  response.set('Set-Cookie', 'visit=' + session.id).end()
})
app.get('/renew', ({ session }, response) => {
  sessions.delete(session.id)
  session.id = crypto.randomUUID().replaceAll('-', '')
  sessions.set(session.id, session)
  response.set('Set-Cookie', 'visit=' + session.id).end()
})
app.get('/sign-out', async ({ session }, response) => {
  const given = ${given}
  sessions.delete(session.id)
  await endChats(given)
  response.end()
})
${recipe}
app.listen(${port}, '127.0.0.1')`

const portals: Record<string, Portal> = {
  PHP: {
    packages: ['php-cli'],
    paths: { token: '/token.php', signIn: '/sign-in.php', renew: '/renew.php', signOut: '/sign-out.php' },
    start(port, file) {
      write('chat.php', file('chat.php'))
      write('sign-in.php', "<?php session_start(); $_SESSION['user'] = 'alice';")
      write('renew.php', '<?php session_start(); session_regenerate_id(true);')
      write('token.php', "<?php require 'chat.php'; session_start(); send_chat_token($_SESSION['user'] ?? null);")
      write(
        'sign-out.php',
        `<?php require 'chat.php'; session_start(); $token = chat_token($_SESSION['user']);
        session_destroy(); end_chats($token);`,
      )
      const settings = [`session.save_path=${folder}`, 'log_errors=off', 'display_errors=on', 'allow_url_fopen=0']
      return ['php', ...settings.flatMap(each => ['-d', each]), '-S', `127.0.0.1:${port}`, '-t', folder]
    },
  },
  Express: {
    packages: [],
    start: (port, file) => [
      process.execPath,
      write('express.js', expressWith(file('express.js'), 'await chatToken(session)', port)),
    ],
  },
  'Express with /warm': {
    packages: [],
    paths: { ...usualPaths, token: '/chat/binding' },
    warms: true,
    start: (port, file) => {
      const program = expressWith(file('express-warm.js'), 'session.chatVisit', port)
      return [process.execPath, write('express-warm.js', program)]
    },
  },
  Django: {
    packages: ['python3-django', 'python3-jwt'],
    start(port, file) {
      const program = `
import django
from wsgiref.simple_server import make_server
from django.conf import settings
settings.configure(
    SECRET_KEY='of-django', CHAT_SECRET='${pageSecret}', ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'],
    INSTALLED_APPS=['django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions'],
    MIDDLEWARE=['django.contrib.sessions.middleware.SessionMiddleware', 'django.contrib.auth.middleware.AuthenticationMiddleware'],
    DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}})
django.setup()
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import path
${file('django.py')}

def sign_in(request):
    login(request, User.objects.get(username='alice'))
    return HttpResponse()

def renew(request):
    request.session.cycle_key()
    return HttpResponse()

urlpatterns = [
    path('chat/token', send_chat_token), path('sign-in', sign_in), path('renew', renew), path('sign-out', sign_out)]
call_command('migrate', verbosity=0)
User.objects.create_user('alice')
make_server('127.0.0.1', ${port}, get_wsgi_application()).serve_forever()
`
      return ['/usr/bin/python3', write('django_portal.py', program)]
    },
  },
  Rails: {
    packages: ['ruby-railties', 'ruby-webrick', 'ruby-jwt'],
    start(port, file) {
      const program = `
require 'action_controller/railtie'
require 'jwt'
require 'webrick'
require 'rack/handler/webrick'
class Portal < Rails::Application
  config.eager_load = false
  config.secret_key_base = 'of-rails' * 8
  config.hosts.clear
  config.session_store :cookie_store, key: '_portal'
  config.logger = Logger.new($stderr, level: :error)
end
${file('rails.rb')}
class ApplicationController < ActionController::Base
  include Chats
  def current_user
    session[:user] && Struct.new(:name).new(session[:user])
  end
end
class ChatsController < ApplicationController
  def create
    session[:user] = 'alice'
    chat_token
    head :ok
  end
  def update
    kept = session.to_hash.except('session_id')
    reset_session
    session.update(kept)
    head :ok
  end
  def destroy
    token = chat_token
    reset_session
    end_chats token
    head :ok
  end
end
Portal.initialize!
Portal.routes.draw do
  get '/chat/token', to: 'chats#send_chat_token'
  get '/sign-in', to: 'chats#create'
  get '/renew', to: 'chats#update'
  get '/sign-out', to: 'chats#destroy'
end
Rack::Handler::WEBrick.run Portal, Host: '127.0.0.1', Port: ${port}
`
      return ['ruby', write('rails.rb', program)]
    },
  },
  Go: {
    packages: ['golang-go'],
    start(port, file) {
      const source = join(folder, 'go')
      mkdirSync(join(source, 'chat'), { recursive: true })
      write('go/go.mod', 'module portal\ngo 1.19\n')
      write('go/chat/chat.go', file('chat.go'))
      write(
        'go/main.go',
        `package main
import ("net/http"; "fmt"; "sync"; "portal/chat")
var visits sync.Map
func visitor(r *http.Request) (user, visit, id string) {
	cookie, err := r.Cookie("id")
	if err != nil { return "", "", "" }
	known, _ := visits.Load(cookie.Value)
	visit, ok := known.(string)
	if ok { user = "alice" }
	return user, visit, cookie.Value
}
func start(w http.ResponseWriter, r *http.Request, visit string) {
	id := fmt.Sprintf("go-%p", r)
	if visit == "" { visit = "of-" + id }
	visits.Store(id, visit)
	http.SetCookie(w, &http.Cookie{Name: "id", Value: id})
}
func main() {
	http.HandleFunc("/sign-in", func(w http.ResponseWriter, r *http.Request) {
		start(w, r, "")
	})
	http.HandleFunc("/renew", func(w http.ResponseWriter, r *http.Request) {
		_, visit, id := visitor(r)
		visits.Delete(id)
		start(w, r, visit)
	})
	http.HandleFunc("/chat/token", func(w http.ResponseWriter, r *http.Request) {
		user, visit, _ := visitor(r)
		chat.SendToken(w, user, visit)
	})
	http.HandleFunc("/sign-out", func(w http.ResponseWriter, r *http.Request) {
		user, visit, id := visitor(r)
		token := chat.Token(user, visit)
		visits.Delete(id)
		if err := chat.End(token); err != nil { panic(err) }
	})
	panic(http.ListenAndServe("127.0.0.1:${port}", nil))
}
`,
      )
      const cache = `GOCACHE=${join(folder, 'go-cache')} GOPROXY=off`
      return ['sh', '-c', `cd ${source} && ${cache} go build -o portal . && exec ./portal`]
    },
  },
}

for (const [name, portal] of Object.entries(portals)) {
  describeWith(portal.packages, `A portal in ${name}`, () => {
    const { token, signIn, renew, signOut } = portal.paths ?? usualPaths
    let url: string
    let child: ChildProcess
    let said = ''

    const get = (path: string, headers: Record<string, string> = {}) => ask(url + path, { headers })

    beforeAll(async () => {
      const [port] = await freePorts(1)
      url = `http://127.0.0.1:${port}`
      const file = (name: string) =>
        new Document(`examples/recipes/${name}`, front.url).text.replace(
          'ssl://chat.example.org:443',
          `tcp://127.0.0.1:${front.port}`,
        )
      const [command, ...args] = portal.start(port!, file)
      const env = { ...process.env, CHAT_SECRET: pageSecret }
      child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
      child.stderr?.on('data', text => {
        said += text
      })
      process.once('exit', stop)
      await eventually('it serves', async () => {
        if (child?.exitCode !== null) throw new Error(`it does not serve: ${said}`)
        return get(token).then(Boolean, () => false)
      })
    })

    const stop = () => {
      // Its process group: with its child processes.
      if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid)
    }

    afterAll(() => {
      process.off('exit', stop)
      stop()
    })

    const visit = async (path = signIn, sent = {}) => {
      const { status, headers } = await get(path, sent)
      expect([status, said]).toEqual([200, expect.any(String)])
      return { Cookie: headers['set-cookie']!.map(each => each.replace(/;.*/, '')).join('; ') }
    }

    /** Like a page: gets a token, and then a session. */
    const connect = async (headers: Record<string, string>, tab: string) => {
      const answer = await get(portal.warms ? `${token}?tab=${tab}` : token, headers)
      if (answer.status !== 200) throw new Error(`no token but HTTP ${answer.status}: ${said}`)
      // A <script> of a sibling origin gets the cookie: it must not run the answer as JavaScript.
      expect(answer.headers).toMatchObject({
        'cache-control': expect.stringContaining('no-store'),
        'content-type': expect.stringMatching(/^application\/json\b/),
        'x-content-type-options': 'nosniff',
      })
      const json = JSON.parse(answer.text)
      return portal.warms ? json : session(json.token, tab)
    }
    const sessions = async () => (await callSessions(service.url, 'GET', '/sessions')).json.total

    test('returns 401 instead of a token to visitors who are not signed in', async () => {
      expect((await get(token)).status).toBe(401)
    })

    test('issues tokens for a session in each tab, and ends all at the sign-out', async () => {
      const [one, other] = [await visit(), await visit()]
      const first = await connect(one, 'a')
      expect(first).toMatchObject({ jid: expect.stringMatching(`^${jid}/.`), resumed: false })
      expect(await connect(one, 'b')).toMatchObject({ resumed: false })
      expect(await connect(one, 'a')).toMatchObject({ jid: first.jid, id: first.id, resumed: true })
      expect(await connect(other, 'a')).toMatchObject({ resumed: false })
      expect(await sessions()).toBe(3)
      expect((await get(signOut, one)).status).toBeLessThan(400)
      expect(await sessions()).toBe(1)
      expect(await connect(other, 'a')).toMatchObject({ resumed: true })
      expect((await get(signOut, other)).status).toBeLessThan(400)
      expect([await sessions(), said]).toEqual([0, expect.not.stringContaining('rror')])
    })

    test('ends the sessions from before the portal gave its session another cookie', async () => {
      const before = await visit()
      const { id } = await connect(before, 'a')
      const after = await visit(renew, before)
      expect(after).not.toEqual(before)
      expect(await connect(after, 'a')).toMatchObject({ id, resumed: true })
      await connect(after, 'b')
      expect((await get(signOut, after)).status).toBeLessThan(400)
      expect(await sessions()).toBe(0)
    })

    if (portal.warms)
      test('answers a check of the portal session without a call of /warm', async () => {
        const headers = await visit()
        expect((await get(`${token}?tab=`, headers)).status).toBe(204)
        expect((await get(`${token}?tab=`)).status).toBe(401)
        expect([await sessions(), calls()]).toEqual([0, []])
      })

    // WarmBindings throws.
    if (!portal.warms)
      test('logs that the service has refused to end the chats', async () => {
        const headers = await visit()
        await connect(headers, 'a')
        refusals.push(403)
        await get(signOut, headers).catch(() => undefined)
        expect([await sessions(), said]).toEqual([1, expect.stringMatching(/chats .*did not end/i)])
        await callSessions(service.url, 'DELETE', `/sessions?jid=${jid}`)
      })

    // During a restart of the service, nginx answers 502 or 504.
    test.each([[502, 504] as const, ['cut', 503] as const])(
      'calls again at the sign-out after %s and %s',
      async (...given) => {
        const headers = await visit()
        await connect(headers, 'a')
        refusals.push(...given)
        expect((await get(signOut, headers)).status).toBeLessThan(400)
        expect([await sessions(), refusals]).toEqual([0, []])
      },
    )

    /** Milliseconds from a refused sign-out to the next. */
    const pauseAfter = async (status: number, seconds: string) => {
      const headers = await visit()
      await connect(headers, 'a')
      arrivals.length = 0
      retryAfter = seconds
      refusals.push(status)
      expect((await get(signOut, headers)).status).toBeLessThan(400)
      expect(await sessions()).toBe(0)
      return arrivals[1]! - arrivals[0]!
    }

    // Without the header, the first pause is one second.
    test('waits at the sign-out for the seconds in Retry-After', async () =>
      expect(await pauseAfter(503, '2')).toBeGreaterThan(1900))

    // WarmBindings gives up before such a long pause.
    if (!portal.warms)
      test('waits at most ten seconds', async () => expect(await pauseAfter(429, '3600')).toBeGreaterThan(9900))
  })
}
