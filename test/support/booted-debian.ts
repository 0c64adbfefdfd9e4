// A Debian with its systemd as the first process, in namespaces of its own. Its network is that of this machine.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { patience } from './eventually.js'

/** Units that would touch this machine, or need what a container lacks. */
const masked = [
  ...['systemd-modules-load.service', 'systemd-sysctl.service', 'systemd-remount-fs.service', 'modprobe@.service'],
  ...['console-getty.service', 'getty@.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'systemd-udevd.service'],
  ...['sys-fs-fuse-connections.mount', 'sys-kernel-debug.mount', 'sys-kernel-tracing.mount', 'dev-hugepages.mount'],
]

/** Arguments: the unpacked release, an empty folder, the folder for /mnt, the units to mask. Changes go to a tmpfs. */
const boot = `
base=$1; place=$2; shared=$3; shift 3
mount --make-rprivate /
mount -t tmpfs tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$place/upper,workdir=$place/work" "$place/root"
cd "$place/root"
for unit; do ln -sf /dev/null "etc/systemd/system/$unit"; done
rm -f usr/sbin/policy-rc.d
mount --bind "$shared" mnt
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/\${device%:*}" c 1 "\${device#*:}"; done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm old
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
pivot_root . old
umount -l old
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
`

export type BootedDebian = Awaited<ReturnType<typeof bootDebian>>

/** Boots a release that is unpacked in this folder. `shared` is its /mnt. */
export async function bootDebian(base: string, shared: string) {
  const place = mkdtempSync(join(tmpdir(), 'booted-debian-'))
  const group = join(groups(), place.split('/').at(-1)!)
  mkdirSync(group)
  const enter = 'echo $$ > "$1/cgroup.procs"; shift; exec unshare "$@"'
  const namespaces = ['--mount', '--pid', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child']
  const program = ['sh', '-ec', boot, 'sh', base, place, shared, ...masked]
  const child = spawn('sh', ['-ec', enter, 'sh', group, ...namespaces, ...program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', chunk => (said += chunk))
  const ended = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
    await removeGroup(group)
    rmSync(place, { recursive: true, force: true })
  }
  const inside = (script: string) => {
    const first = firstOf(child.pid!)
    const namespaces = ['-t', String(first), '-m', '-p', '-u', '-i', '-C', '-r', '-w']
    const variables = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND=noninteractive', 'SYSTEMD_PAGER=']
    const words = [...namespaces, 'env', '-i', ...variables, 'sh', '-ec', `exec 2>&1\n${script}`]
    return promisify(execFile)('nsenter', words, { maxBuffer: 2 ** 24 })
  }
  const journal = () =>
    inside('journalctl -n 30 -o cat --no-pager').then(
      ({ stdout }) => stdout,
      () => '',
    )
  /** Runs a script as root. Resolves with what it prints, and rejects with it if it fails. */
  const sh = async (script: string) => {
    const { stdout } = await inside(script).catch(async error => {
      throw new Error(`${script}\n${error.stdout}\n${await journal()}`)
    })
    return stdout
  }
  const deadline = performance.now() + patience
  try {
    for (;;) {
      const isSystemd = readCommand(firstOf(child.pid!)) === 'systemd'
      const state = isSystemd ? await sh('systemctl is-system-running || true') : ''
      if (/^(running|degraded)$/m.test(state)) return { sh, stop }
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`systemd does not start: ${state}${said}`)
      await sleep(100)
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function groups(): string {
  const [, folder] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8')) ?? []
  if (folder === undefined) throw new Error('cgroup2 is not mounted')
  return folder
}

/** All processes in it were killed, and may take a moment to end. */
async function removeGroup(group: string): Promise<void> {
  const folders = readdirSync(group, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name))
    .sort((a, b) => b.length - a.length)
  for (const folder of [...folders, group])
    for (let attempt = 0; attempt < 50; attempt++) {
      try {
        rmdirSync(folder)
        break
      } catch {
        await sleep(20)
      }
    }
}

function firstOf(pid: number): number | undefined {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim()
  return children === '' ? undefined : Number(children.split(' ')[0])
}

function readCommand(pid: number | undefined): string {
  return read(`/proc/${pid}/comm`).trim()
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
