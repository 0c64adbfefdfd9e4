// The web servers of Debian in front of the service, with the configurations of `deploy/` as they are, apart from the
// addresses and files that an operator fills in.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate } from './certificates.js'
import { ask } from './http-answer.js'
import { freePorts } from './ports.js'
import { startServerProcess } from './server-process.js'

export type ProxyName = 'nginx' | 'haproxy' | 'apache2' | 'lighttpd'

export type RunningProxy = Awaited<ReturnType<typeof startProxy>>

interface Kind {
  /** The name of the file in `deploy/`, for one process or for several. */
  readonly files: { readonly one: string; readonly several?: string }
  readonly wrap: (site: string, folder: string) => string
  readonly command: (file: string, folder: string) => readonly [program: string, ...args: string[]]
}

const kinds: Record<ProxyName, Kind> = {
  nginx: {
    files: { one: 'nginx.conf', several: 'nginx-processes.conf' },
    wrap: (site, folder) =>
      `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events { worker_connections 4000; }\n` +
      `http { access_log ${folder}/access.log; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;\n` +
      `fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;\n${site}\n}`,
    command: (file, folder) => ['nginx', '-p', folder, '-e', join(folder, 'error.log'), '-c', file],
  },
  haproxy: {
    files: { one: 'haproxy.cfg', several: 'haproxy-processes.cfg' },
    // Without root no other user can be named.
    wrap: site => (process.getuid?.() === 0 ? site : site.replaceAll(/^ +(user|group) .*\n/gm, '')),
    command: file => ['haproxy', '-db', '-f', file],
  },
  apache2: {
    files: { one: 'apache.conf' },
    wrap: (site, folder) => {
      const modules = 'mpm_event authn_core authz_core authz_host alias ssl proxy proxy_http headers socache_shmcb'
      const load = modules.split(' ').map(name => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
      return [
        ...load,
        `ServerName 127.0.0.1\nServerRoot ${folder}\nPidFile ${folder}/pid\nErrorLog ${folder}/error.log`,
        `DefaultRuntimeDir ${folder}\nMutex file:${folder}\nListen 80\nListen 443`,
        process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : '',
        site,
      ].join('\n')
    },
    command: file => ['apache2', '-f', file, '-DFOREGROUND'],
  },
  lighttpd: {
    files: { one: 'lighttpd.conf' },
    wrap: (site, folder) =>
      `server.document-root = "${folder}"\nserver.bind = "127.0.0.1"\nserver.port = 80\n` +
      `server.errorlog = "${folder}/error.log"\n${site}`,
    command: file => ['lighttpd', '-D', '-f', file],
  },
}

export const proxiesOfSeveral = ['nginx', 'haproxy'] as const

/**
 * Starts a proxy in front of the services on these ports of 127.0.0.1: one, or the two processes of the configuration.
 * `adapted` makes further changes to the configuration. `port` is the port for browsers (default: a free port).
 */
export async function startProxy(
  name: ProxyName,
  ports: readonly [number] | readonly [number, number],
  adapted: (configuration: string) => string = configuration => configuration,
  port?: number,
) {
  const kind = kinds[name]
  const folder = mkdtempSync(join(tmpdir(), `warm-${name}-`))
  chmodSync(folder, 0o755)
  for (const part of ['body', 'proxy', 'f', 'u', 's']) mkdirSync(join(folder, part))
  const { key, cert } = makeCertificate(['IP:127.0.0.1'])
  const [free, clear] = (await freePorts(2)) as [number, number]
  const secure = port ?? free
  const file = join(folder, 'proxy.conf')
  const deployed = ports.length === 1 ? kind.files.one : kind.files.several!
  const text = readFileSync(new URL(`../../deploy/${deployed}`, import.meta.url), 'utf8')
  const wrapped = kind.wrap(adapted(text), folder)
  writeFileSync(file, filledIn(wrapped, folder, [secure, clear], ports, cert + key))
  const url = `https://127.0.0.1:${secure}`
  const running = await startServerProcess({
    ...{ name, folder, command: kind.command(file, folder) },
    isReady: () =>
      ask(`${url}/none`, { ca: cert }).then(
        () => true,
        () => false,
      ),
  })
  return {
    url,
    /** Where it answers without TLS. */
    clearUrl: `http://127.0.0.1:${clear}`,
    ca: cert,
    get said() {
      return running.log()
    },
    async stop() {
      await running.end('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Puts the test's ports and certificate in the places that an operator would fill in. */
function filledIn(
  text: string,
  folder: string,
  [port, clear]: readonly [port: number, clear: number],
  ports: readonly number[],
  both: string,
): string {
  const pem = join(folder, 'both.pem')
  writeFileSync(pem, both)
  const [first, second = first] = ports
  return (
    text
      // For the descriptors that a test may have.
      .replace('maxconn 20000', 'maxconn 4000')
      .replace('max-connections = 20000', 'max-connections = 4000')
      .replace('max-fds = 40960', 'max-fds = 8192')
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${first}`)
      .replaceAll('"port" => 8080', `"port" => ${first}`)
      .replaceAll('127.0.0.1:8081', `127.0.0.1:${first}`)
      .replaceAll('127.0.0.1:8082', `127.0.0.1:${second}`)
      .replaceAll(/\/etc\/[\w./-]*\.(pem|key)/g, pem)
      .replaceAll('server_name chat.example.org', 'server_name _')
      .replace('listen 80', `listen 127.0.0.1:${clear}`)
      .replace('bind :80', `bind 127.0.0.1:${clear}`)
      .replace('Listen 80', `Listen 127.0.0.1:${clear}`)
      .replace('Listen 443', `Listen 127.0.0.1:${port}`)
      .replace('<VirtualHost *:80>', `<VirtualHost *:${clear}>`)
      .replace('server.port = 80', `server.port = ${clear}`)
      .replace('listen 443', `listen 127.0.0.1:${port}`)
      .replace('bind :443', `bind 127.0.0.1:${port}`)
      .replace('<VirtualHost *:443>', `<VirtualHost *:${port}>`)
      .replace('":443"', `"127.0.0.1:${port}"`)
  )
}
