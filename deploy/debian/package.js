// `npm run package:deb` makes dist-deb/warm-bindings_VERSION_all.deb, and a list of its parts (SBOM, CycloneDX). The
// same sources and SOURCE_DATE_EPOCH (default: the time of the last commit) give the same bytes.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { buildVersion } from './build-version.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const own = join(root, 'deploy', 'debian')
const output = join(root, 'dist-deb')
const { description, homepage, version: release } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const version = buildVersion(root)
// A tilde sorts before the end: 1.0.0~rc.1 is older than 1.0.0.
const debianVersion = version.replace('-', '~')
const name = `warm-bindings_${debianVersion}_all`
const run = (command, args, options = {}) =>
  execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options })
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? run('git', ['log', '-1', '--format=%ct']))

const work = mkdtempSync(join(tmpdir(), 'warm-bindings-deb-'))
try {
  mkdirSync(output, { recursive: true })
  makePackage(join(work, 'tree'))
  writeFileSync(join(output, `${name}.cdx.json`), partsList(join(work, 'tree/usr/lib/warm-bindings')))
  console.log(`dist-deb/${name}.deb\ndist-deb/${name}.cdx.json`)
} finally {
  rmSync(work, { recursive: true, force: true })
}

function makePackage(tree) {
  const library = join(tree, 'usr/lib/warm-bindings')
  mkdirSync(library, { recursive: true })
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', work]))
  run('tar', ['-xzf', join(work, filename), '-C', library, '--strip-components=1'])
  addDependencies(library)
  const about = join(library, 'package.json')
  const text = readFileSync(about, 'utf8')
  writeFileSync(about, text.replace(`"version": "${release}"`, `"version": "${version}"`))
  const link = (path, target) => {
    mkdirSync(join(tree, path, '..'), { recursive: true })
    symlinkSync(target, join(tree, path))
  }
  const write = (path, content) => {
    mkdirSync(join(tree, path, '..'), { recursive: true })
    writeFileSync(join(tree, path), content)
  }
  const compressed = text => gzipSync(text, { level: 9 })
  write('usr/lib/systemd/system/warm-bindings.service', unit())
  write('usr/lib/systemd/system/warm-bindings.socket', readFileSync(join(root, 'deploy/warm-bindings.socket')))
  write('etc/warm-bindings/warm-bindings.env', readFileSync(join(own, 'warm-bindings.env')))
  write('usr/share/doc/warm-bindings/copyright', readFileSync(join(root, 'LICENSE')))
  write('usr/share/doc/warm-bindings/changelog.gz', compressed(readFileSync(join(root, 'CHANGELOG.md'))))
  write('usr/share/man/man8/warm-bindings.8.gz', compressed(manualPage(join(library, 'dist/main.js'))))
  link('usr/bin/warm-bindings', '../lib/warm-bindings/dist/main.js')
  for (const folder of ['docs', 'deploy', 'examples', '.env.example'])
    link(`usr/share/doc/warm-bindings/${folder.replace(/^\./, '')}`, `../../../lib/warm-bindings/${folder}`)
  const files = entriesOf(tree)
    .filter(entry => entry.isFile())
    .map(pathOf)
  const sums = files.map(
    path => `${createHash('md5').update(readFileSync(path)).digest('hex')}  ${relative(tree, path)}\n`,
  )
  write('DEBIAN/md5sums', sums.sort().join(''))
  write('DEBIAN/conffiles', '/etc/warm-bindings/warm-bindings.env\n')
  write('DEBIAN/control', control(files))
  for (const script of ['postinst', 'prerm', 'postrm']) write(`DEBIAN/${script}`, readFileSync(join(own, script)))
  setModes(tree)
  // With several threads, xz writes other bytes.
  const options = ['--root-owner-group', '-Zxz', '--threads-max=1']
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch) }
  run('dpkg-deb', [...options, '--build', tree, join(output, `${name}.deb`)], { env })
}

function addDependencies(library) {
  cpSync(join(root, 'package-lock.json'), join(library, 'package-lock.json'))
  const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  run('npm', ['ci', ...options], { cwd: library })
  for (const file of ['package-lock.json', 'node_modules/.package-lock.json', 'node_modules/.bin'])
    rmSync(join(library, file), { recursive: true, force: true })
}

/** The unit of deploy/, with a user that can read files in /etc/warm-bindings, and the paths of the package. */
function unit() {
  const changes = [
    [
      /^#[^[]*/,
      '# Change it with `systemctl edit warm-bindings`. The settings are in /etc/warm-bindings/warm-bindings.env.\n',
    ],
    ['/usr/lib/node_modules/warm-bindings/docs/', '/usr/share/doc/warm-bindings/docs/'],
    // The service reads its settings itself, so that a reload reads them again. Without --, Node 20 would read
    // --env-file itself.
    [/^#.*\n#.*--env-file.*\nEnvironmentFile=.*\n/m, ''],
    [
      /^ExecStart=.*$/m,
      'ExecStart=/usr/bin/node --min-semi-space-size=16 -- /usr/lib/warm-bindings/dist/main.js --env-file /etc/warm-bindings/warm-bindings.env',
    ],
    [/^DynamicUser=yes$/m, 'User=warm-bindings\nGroup=warm-bindings'],
    [/^#.*STATE_DIR.*\n(StateDirectory.*\n.*\n)#.*\n#.*\n/m, '$1'],
  ]
  return changes.reduce(
    (text, [before, after]) => {
      const changed = text.replace(before, after)
      if (changed === text) throw new Error(`deploy/warm-bindings.service has no ${before}`)
      return changed
    },
    readFileSync(join(root, 'deploy/warm-bindings.service'), 'utf8'),
  )
}

function control(files) {
  const kibibytes = files.reduce((sum, path) => sum + Math.ceil(readFileSync(path).length / 1024), 0)
  return `Package: warm-bindings
Version: ${debianVersion}
Architecture: all
Maintainer: the warm-bindings authors <warm-bindings@localhost>
Installed-Size: ${kibibytes}
Depends: nodejs (>= 20.12), adduser
Recommends: systemd (>= 253)
Section: net
Priority: optional
Homepage: ${homepage}
Description: BOSH and WebSocket sessions for users of a portal
 ${description}
`
}

function manualPage(program) {
  const help = run(process.execPath, [program, '--help']).replace(/^Documents: .*\n/m, '')
  const escaped = help
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=['.])/gm, '\\&')
  const date = new Date(epoch * 1000).toISOString().slice(0, 10)
  return `.TH WARM-BINDINGS 8 ${date} "${version}" "System administration"
.SH NAME
warm\\-bindings \\- BOSH and WebSocket sessions for users of a portal
.SH DESCRIPTION
.nf
${escaped}.fi
.SH FILES
.TP
/etc/warm\\-bindings/warm\\-bindings.env
the settings of the systemd unit
.TP
/usr/share/doc/warm\\-bindings/docs
the documents: production.md, settings.md, errors.md
`
}

function setModes(tree) {
  for (const entry of entriesOf(tree)) {
    const path = pathOf(entry)
    const isProgram = /\/DEBIAN\/(postinst|prerm|postrm)$|\/warm-bindings\/dist\/main\.js$/.test(path)
    if (!entry.isSymbolicLink()) chmodSync(path, entry.isDirectory() || isProgram ? 0o755 : 0o644)
    lutimesSync(path, epoch, epoch)
  }
  chmodSync(join(tree, 'etc/warm-bindings'), 0o750)
  chmodSync(join(tree, 'etc/warm-bindings/warm-bindings.env'), 0o640)
  chmodSync(tree, 0o755)
  lutimesSync(tree, epoch, epoch)
}

function entriesOf(tree) {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
}

function pathOf({ parentPath, name }) {
  return join(parentPath, name)
}

/**
 * Lists the packages in the tree, without values that differ in each run. With `--omit=dev`, npm would also omit
 * packages that a development dependency shares.
 */
function partsList(library) {
  const folder = join(work, 'parts')
  mkdirSync(folder)
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  delete own.devDependencies
  delete lock.packages[''].devDependencies
  for (const path of Object.keys(lock.packages)) if (!existsSync(join(library, path))) delete lock.packages[path]
  writeFileSync(join(folder, 'package.json'), JSON.stringify(own))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  const list = JSON.parse(run('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx'], { cwd: folder }))
  list.metadata.timestamp = new Date(epoch * 1000).toISOString()
  delete list.serialNumber
  // npm writes the name of the folder.
  list.metadata.component.name = 'warm-bindings'
  return `${JSON.stringify(list, undefined, 2)}\n`
}
