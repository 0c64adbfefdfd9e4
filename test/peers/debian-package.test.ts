// The Debian package in a Debian 13 with its systemd: made, installed, upgraded and removed as an operator does.
// Runs in npm run test:all only: it makes the package three times, and unpacks a Debian.
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type BootedDebian, bootDebian } from '../support/booted-debian.js'
import { stoppedAfterEach } from '../support/closers.js'
import { BoshTalk } from '../support/crowd/bosh-talk.js'
import type { TalkBinding } from '../support/crowd/talk.js'
import { unpackRelease } from '../support/debian-release.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { redisPackages } from '../support/redis-for-workers.js'
import { type RedisServer, startRedisServer } from '../support/redis-server.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'
import { bindingIn } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { clone } from './installation.js'
import { areInstalled } from './needs.js'
import { overPlainLink, type XmppServer } from './servers.js'
import { User } from './user.js'

const isRoot = process.getuid?.() === 0
const packages = ['systemd', 'systemd-sysv', 'nodejs', 'adduser']
const alice = { jid: 'alice@localhost', password: 'wonderland' }
/** In a process of the service: SIGWINCH stops its event loop, after a line in its log. */
const hang = "process.on('SIGWINCH', () => { process._rawDebug('hangs'); for (;;); })"

const { folder } = testFolder()
const keep = stoppedAfterEach()
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const debianVersion = version.replace('-', '~')

let debian: BootedDebian
let server: XmppServer
let redis: RedisServer
let redisUrl: string
let url: string

async function make(place: string, ownVersion: string = version): Promise<string> {
  const source = join(folder, place)
  cpSync(join(folder, 'clone'), source, { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'))
  for (const file of ['package.json', 'package-lock.json']) {
    const text = readFileSync(join(source, file), 'utf8')
    writeFileSync(join(source, file), text.replace(`"version": "${version}"`, `"version": "${ownVersion}"`))
  }
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' }
  await promisify(execFile)('npm', ['run', '--silent', 'package:deb'], { cwd: source, env })
  return join(source, 'dist-deb', `warm-bindings_${ownVersion.replace('-', '~')}_all.deb`)
}

const share = (file: string, name: string) => writeFileSync(join(folder, 'shared', name), readFileSync(file))

const warm = async () => bindingIn(await callSessions(url, 'POST', '', { body: alice }))

const property = async (name: string) => (await debian.sh(`systemctl show --value -p ${name} warm-bindings`)).trim()

const setUnit = (text: string) =>
  debian.sh(`mkdir -p /etc/systemd/system/warm-bindings.service.d
cat > /etc/systemd/system/warm-bindings.service.d/own.conf <<'END'
[Service]
${text}
END
systemctl daemon-reload`)

const settings = '/etc/warm-bindings/warm-bindings.env'
const setWorkers = (count: string) =>
  debian.sh(
    `sed -i -E '/^(WORKERS|REDIS_URL)=/d' ${settings} && echo WORKERS=${count} >> ${settings}
${count === '0' ? '' : `echo REDIS_URL=${redisUrl} >> ${settings}`}`,
  )

;(isRoot && areInstalled(redisPackages) ? describe : describe.skip)('The Debian package', () => {
  beforeAll(async () => {
    mkdirSync(join(folder, 'shared'))
    clone(join(folder, 'clone'))
    writeFileSync(join(folder, 'shared', 'hang.cjs'), hang)
    const [release, first, next] = await Promise.all([
      unpackRelease('trixie', { packages, as: 'trixie-systemd' }),
      make('first'),
      make('next', '99.0.0'),
    ])
    if (release.folder === undefined) throw new Error(release.why)
    share(first, 'first.deb')
    share(next, 'next.deb')
    server = await startProsody({ users: { alice: alice.password } })
    redis = await startRedisServer()
    // The network is shared, the file system is not.
    const [port] = await freePorts(1)
    await redis.command('CONFIG', 'SET', 'port', String(port))
    redisUrl = `redis://127.0.0.1:${port}`
    debian = await bootDebian(release.folder, join(folder, 'shared'))
  }, 480_000)

  afterAll(async () => {
    await debian?.stop()
    await server?.stop()
    await redis?.remove()
  })

  test('is the same each time that it is made, with its list of parts', async () => {
    const again = await make('again')
    expect(readFileSync(again).equals(readFileSync(join(folder, 'shared', 'first.deb')))).toBe(true)
    const parts = readFileSync(again.replace(/deb$/, 'cdx.json'), 'utf8')
    expect(parts).toBe(
      readFileSync(join(folder, 'first', 'dist-deb', `warm-bindings_${debianVersion}_all.cdx.json`), 'utf8'),
    )
    expect(JSON.parse(parts)).toMatchObject({ bomFormat: 'CycloneDX' })
    const names = JSON.parse(parts).components.map(({ name }: { name: string }) => name)
    expect(names).toContain('express')
    expect(names).not.toContain('jest')
    const files = execFileSync('dpkg-deb', ['--contents', again], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    const packed = files.match(/node_modules\/(@[^/]+\/)?[^/@]+\/package\.json$/gm)
    expect(names).toHaveLength(packed!.length)
  })

  test('installs a user, private settings and keys, a command, and a unit that does not start yet', async () => {
    expect(await debian.sh('apt-get install -y --no-install-recommends /mnt/first.deb')).toContain(
      'Now write your settings',
    )
    const files = ['', '/warm-bindings.env', '/seal.key'].map(name => `/etc/warm-bindings${name}`).join(' ')
    expect(await debian.sh(`stat -c '%U:%G %a' ${files} /var/lib/warm-bindings`)).toBe(
      'root:warm-bindings 750\nroot:warm-bindings 640\nroot:warm-bindings 640\nwarm-bindings:warm-bindings 700\n',
    )
    expect(await debian.sh('warm-bindings --version && dpkg --verify warm-bindings')).toBe(`${version}\n`)
    const refused = await debian.sh('cd / && ! warm-bindings --check-config 2>&1')
    const [, ...named] = /See (\S+) and (\S+)\. /.exec(refused)!
    expect(await debian.sh(`cat ${named.join(' ')} | grep -c XMPP_DOMAINS`)).toMatch(/^[1-9]/)
    const unreadable = `runuser -u nobody -- warm-bindings --env-file ${settings} --check-config 2>&1`
    expect(await debian.sh(`! ${unreadable}`)).toContain(`${settings} cannot be read (EACCES): this user may not`)
    expect(await debian.sh('systemctl is-enabled warm-bindings || true')).toBe('disabled\n')
    const unit = '/usr/lib/systemd/system/warm-bindings'
    expect(await debian.sh(`systemd-analyze verify --man=no ${unit}.service ${unit}.socket`)).toBe('')
    const exposure = await debian.sh('systemd-analyze security warm-bindings --no-pager | tail -n 1')
    expect(Number(/: ([\d.]+)/.exec(exposure)?.[1])).toBeLessThan(2)
  })

  test('starts at the sockets of systemd, with a secret that only root can read, and warms a session', async () => {
    const [port] = (await freePorts(1)) as [number]
    url = `http://127.0.0.1:${port}`
    await debian.sh(`sed -i '/^XMPP_DOMAINS=/d' /etc/warm-bindings/warm-bindings.env
cat >> /etc/warm-bindings/warm-bindings.env <<'END'
XMPP_DOMAINS=localhost
XMPP_SERVERS='${overPlainLink(server)}'
METRICS_ADDRESS=none
END
(umask 077 && echo 'admin:admin-secret' > /root/admins)
mkdir /etc/systemd/system/warm-bindings.socket.d
printf '[Socket]\\nListenStream=\\nListenStream=127.0.0.1:${port}\\n' > /etc/systemd/system/warm-bindings.socket.d/own.conf`)
    await setUnit('LoadCredential=admins:/root/admins\nEnvironment=ADMIN_USERS_FILE=%d/admins')
    await debian.sh('systemctl enable --now warm-bindings.socket && systemctl enable --now warm-bindings')
    expect(await property('StatusText')).toBe('0 sessions')
    expect(await property('WatchdogUSec')).toBe('30s')
    const process = await property('MainPID')
    expect(await debian.sh(`stat -c %U /proc/${process}`)).toBe('warm-bindings\n')
    const page = User.attach(`${url}/http-bind`, await warm())
    page.say(page.jid, 'number 1')
    await page.receives('>number 1<')
    await page.leave()
    // Fails unless the service tells systemd that the reload has ended.
    await debian.sh(`echo BOSH_ALLOW=none >> /etc/warm-bindings/warm-bindings.env && systemctl reload warm-bindings`)
    expect([await property('MainPID'), await property('ActiveState')]).toEqual([process, 'active'])
    expect((await ask(`${url}/http-bind`)).status).toBe(403)
    await debian.sh(`sed -i '/^BOSH_ALLOW=/d' /etc/warm-bindings/warm-bindings.env && systemctl reload warm-bindings`)
    expect((await ask(`${url}/http-bind`)).status).toBe(200)
  })

  test.each([['0'], ['2']])(
    'is upgraded while a session continues, and no connection is refused (WORKERS=%s)',
    async WORKERS => {
      const before = WORKERS === '0' ? 'first' : 'next'
      await debian.sh(`apt-get install -y --allow-downgrades --no-install-recommends /mnt/${before}.deb`)
      await setWorkers(WORKERS)
      await debian.sh('systemctl restart warm-bindings')
      const binding = { ...((await warm()) as TalkBinding), url: `${url}/http-bind` }
      let heard = ''
      let ending: string | undefined
      const gone = (why: string) => (ending = why)
      const page = new BoshTalk(binding, { ready() {}, heard: stanzas => (heard += stanzas), gone, odd() {} })
      await keep({ stop: () => page.drop() })
      page.begin()
      const sayToMyself = async (number: number) => {
        page.say(`<message xmlns='jabber:client' to='${binding.jid}'><body>number ${number}</body></message>`)
        await eventually(`number ${number} comes`, () => heard.includes(`>number ${number}<`))
      }
      await sayToMyself(1)
      const after = before === 'first' ? 'next' : 'first'
      let isDone = false
      const upgraded = debian
        .sh(`apt-get install -y --allow-downgrades --no-install-recommends /mnt/${after}.deb`)
        .finally(() => {
          isDone = true
        })
      const states = new Set<number | string | undefined>()
      const visit = async () => {
        while (!isDone) {
          const status = await ask(`${url}/healthz`).then(
            answer => answer.status,
            (error: NodeJS.ErrnoException) => error.code,
          )
          states.add(status)
        }
      }
      await Promise.all(Array.from({ length: 20 }, visit))
      await upgraded
      expect([...states]).toEqual([200])
      await sayToMyself(2)
      expect(heard.match(/(?<=>number )\d(?=<)/g)).toEqual(['1', '2'])
      expect(ending).toBeUndefined()
      await page.terminate()
      expect(await debian.sh('cat /etc/warm-bindings/warm-bindings.env')).toContain(`WORKERS=${WORKERS}\n`)
    },
  )

  test.each([['0'], ['1']])('restarts if its event loop hangs (WORKERS=%s)', async WORKERS => {
    await setWorkers(WORKERS)
    await setUnit(
      'WatchdogSec=1\nRestartSec=0\nEnvironment="NODE_OPTIONS=--require /mnt/hang.cjs"\nLoadCredential=admins:/root/admins\nEnvironment=ADMIN_USERS_FILE=%d/admins',
    )
    await debian.sh('systemctl restart warm-bindings && systemctl reset-failed warm-bindings')
    const process = await property('MainPID')
    await debian.sh(`kill -WINCH ${process}`)
    // A connection that the process accepts before it hangs would break.
    await debian.sh(`until journalctl -u warm-bindings --no-pager _PID=${process} | grep -q hangs; do sleep 0.1; done`)
    expect((await ask(`${url}/healthz`)).status).toBe(200)
    // With workers, the worker of the process that hangs still answers.
    for (let main = process; main === process; ) main = await property('MainPID')
    expect(await debian.sh('journalctl -u warm-bindings --no-pager')).toContain('Watchdog timeout')
  })

  test('keeps settings and sessions if it is removed, and leaves nothing if it is purged', async () => {
    await debian.sh('apt-get remove -y warm-bindings')
    await expect(ask(`${url}/healthz`)).rejects.toThrow('ECONNREFUSED')
    expect(await debian.sh('ls /etc/warm-bindings')).toBe('seal.key\nwarm-bindings.env\n')
    await debian.sh('apt-get purge -y warm-bindings')
    expect(
      await debian.sh(
        'ls -d /etc/warm-bindings /var/lib/warm-bindings /usr/lib/warm-bindings /usr/bin/warm-bindings 2>/dev/null || true; getent passwd warm-bindings || true',
      ),
    ).toBe('')
  })
})
