// deploy/kubernetes.yaml without a cluster: the types of Kubernetes's API, and what its parts must agree on.
import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { loadConfig } from '../../src/config/load.js'
import { testFolder } from '../support/test-folder.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const objects = parseAllDocuments(read('deploy/kubernetes.yaml')).map(document => document.toJS())
const object = (kind: string, name = 'warm-bindings') =>
  objects.find(({ kind: its, metadata }) => its === kind && metadata.name === name)

const settings: Record<string, string> = object('ConfigMap').data
const deployments = objects.filter(({ kind }) => kind === 'Deployment')
const pod = object('Deployment').spec.template.spec
const [container] = pod.containers
const secretFiles = Object.entries(settings).filter(([, value]) => value.startsWith('/run/secrets/warm-bindings/'))

const { file, folder } = testFolder()

test('each object has its type in the API of Kubernetes', () => {
  const lines = objects.map((object, index) => {
    const { apiVersion, kind } = object
    const path = apiVersion.includes('/') ? apiVersion.replace('.k8s.io', '') : `core/${apiVersion}`
    return `import type { ${kind} as Kind${index} } from 'kubernetes-types/${path}.js'
      export const object${index}: Kind${index} = ${JSON.stringify(object)}`
  })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const compilerOptions = { module: 'esnext', moduleResolution: 'bundler', strict: true, noEmit: true, types: [] }
  file('tsconfig.json', JSON.stringify({ compilerOptions, files: ['objects.ts'] }))
  file('objects.ts', lines.join('\n'))
  const { stdout, status } = spawnSync('node_modules/typescript/bin/tsc', ['-p', folder], {
    cwd: root,
    encoding: 'utf8',
  })
  expect([stdout, status]).toEqual(['', 0])
})

test('the settings are known, and only the missing TLS of Redis causes a warning', () => {
  const secrets = {
    ADMIN_USERS_FILE: file('admins', 'portal:3f0c9a6d1b274e58'),
    SEAL_KEY_FILE: file('seal-key', Buffer.alloc(32, 1).toString('base64')),
    REDIS_PASSWORD_FILE: file('redis-password', 'a-password'),
  }
  const [address] = container.env
  const image = { HOST: '0.0.0.0', PORT: '8080' }
  const { warnings, config } = loadConfig({ ...image, ...settings, ...secrets, [address.name]: '10.244.1.7' })
  expect(warnings).toEqual([expect.stringContaining('REDIS_URL has no TLS')])
  expect(config.peers?.address).toEqual({ host: '10.244.1.7', port: 9191 })
})

test('the secrets are files, which the documented command makes', () => {
  expect(secretFiles.map(([name]) => name)).toEqual(['ADMIN_USERS_FILE', 'SEAL_KEY_FILE', 'REDIS_PASSWORD_FILE'])
  expect(container.volumeMounts).toContainEqual(
    expect.objectContaining({ mountPath: '/run/secrets/warm-bindings', readOnly: true }),
  )
  expect(pod.volumes).toContainEqual({ name: 'secrets', secret: { secretName: 'warm-bindings', defaultMode: 0o440 } })
  const [command = ''] = /create secret generic warm-bindings (?:.*\\\n)*.*/.exec(read('docs/tuning.md')) ?? []
  const made = Array.from(command.matchAll(/--from-file=([\w-]+)/g), ([, file]) => `/run/secrets/warm-bindings/${file}`)
  expect(made.sort()).toEqual(secretFiles.map(([, file]) => file).sort())
})

test('a pod has the time of preStop, DRAIN_TIME and 75 s to stop', () => {
  const [, pause] = container.lifecycle.preStop.exec.command
  expect(pod.terminationGracePeriodSeconds).toBe(Number(pause) + Number(settings['DRAIN_TIME']) + 75)
})

test('pods are added at half of MAX_SESSIONS', () => {
  const [{ pods }] = object('HorizontalPodAutoscaler').spec.metrics
  expect(Number(pods.target.averageValue)).toBe(Number(settings['MAX_SESSIONS']) / 2)
})

test('the containers run as any user but root, and write only to /tmp', () => {
  const [, ...lines] = read('deploy/Dockerfile').split('\nUSER ')
  expect(lines.map(line => Number.parseInt(line, 10))).toEqual([1000])
  for (const { spec } of deployments.map(({ spec }) => spec.template)) {
    expect(spec.securityContext.runAsNonRoot).toBe(true)
    for (const { securityContext, volumeMounts } of spec.containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      const writable = volumeMounts.filter(({ readOnly = false }) => !readOnly)
      expect(['', '/tmp']).toContain(writable.map(({ mountPath }: { mountPath: string }) => mountPath).join())
    }
  }
})

test('services, policies and budgets select pods that exist, and ports that they have', () => {
  const portsOf = new Map<string, string[]>(
    deployments.map(({ metadata, spec }) => {
      expect(spec.selector.matchLabels).toEqual({ app: metadata.name })
      expect(spec.template.metadata.labels).toEqual({ app: metadata.name })
      return [metadata.name, spec.template.spec.containers[0].ports.map(({ name }: { name: string }) => name)]
    }),
  )
  for (const { metadata, spec } of objects.filter(({ kind }) => kind === 'Service')) {
    expect(spec.selector).toEqual({ app: metadata.name })
    for (const { targetPort } of spec.ports) expect(portsOf.get(metadata.name)).toContain(targetPort)
  }
  for (const { metadata, spec } of objects.filter(({ kind }) => kind === 'NetworkPolicy')) {
    expect(spec.podSelector.matchLabels).toEqual({ app: metadata.name })
    const ports = spec.ingress.flatMap((rule: { ports: { port: string }[] }) => rule.ports.map(({ port }) => port))
    expect(ports.sort()).toEqual(portsOf.get(metadata.name)!.sort())
  }
  expect(object('PodDisruptionBudget').spec.selector.matchLabels).toEqual({ app: 'warm-bindings' })
  expect(object('HorizontalPodAutoscaler').spec.scaleTargetRef.name).toBe('warm-bindings')
  expect(new URL(settings['REDIS_URL']!).hostname).toBe(object('Service', 'warm-bindings-redis').metadata.name)
})

test('browsers reach their endpoints, and not the warm API', () => {
  const [{ http }] = object('Ingress').spec.rules
  const paths = http.paths.map(({ path }: { path: string }) => path)
  expect(paths).toEqual([
    ...['/http-bind', '/xmpp-websocket', '/connect', '/assets'],
    ...['/.well-known/host-meta', '/.well-known/host-meta.json'],
  ])
})
