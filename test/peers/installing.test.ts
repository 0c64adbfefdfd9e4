// How an operator installs the service beside the package: in an image of its own.
// Runs in npm run test:all only: npm installs packages here.
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { root } from '../support/repository.js'
import { testFolder } from '../support/test-folder.js'
import { clone, instructionsOf, run, serving } from './installation.js'

const { folder } = testFolder()

/** What `npm start` runs, without the shell's `exec`. */
const startScript = (): string =>
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts.start.replace(/^exec /, '')

describe('The Dockerfile', () => {
  test('builds and runs the service, with folders as images', async () => {
    const context = clone(join(folder, 'context'))
    const stages = new Map<string, string>()
    let stage = ''
    const variables: Record<string, string> = {}
    let health: string[] = []
    let command: string[] = []
    for (const { name, text } of instructionsOf(readFileSync(join(root, 'deploy', 'Dockerfile'), 'utf8'))) {
      if (name === 'FROM') {
        const [, alias = 'last'] = / AS (\w+)$/.exec(text) ?? []
        stage = join(folder, `stage-${alias}`)
        stages.set(alias, stage)
        mkdirSync(stage)
        for (const key of Object.keys(variables)) delete variables[key]
      } else if (name === 'COPY') {
        const words = text.split(' ')
        const from = words[0]!.startsWith('--from=') ? words.shift()!.slice('--from='.length) : undefined
        const source = from === undefined ? context : stages.get(from)!
        const target = words.pop()!
        for (const word of words) {
          const path = from === undefined ? word : word.replace(/^\/app\//, '')
          cpSync(join(source, path), join(stage, target.endsWith('./') ? path : target), {
            recursive: true,
          })
        }
      } else if (name === 'RUN') {
        const done = run('sh', ['-c', text], { cwd: stage, more: variables })
        expect({ text, status: done.status, said: done.status === 0 ? '' : done.said }).toEqual({
          ...{ text, status: 0, said: '' },
        })
      } else if (name === 'ENV') {
        const [key = '', value = ''] = text.split('=')
        variables[key] = value
      } else if (name === 'HEALTHCHECK') health = JSON.parse(text.slice(text.indexOf('[')))
      else if (name === 'CMD') command = JSON.parse(text)
      else if (name === 'USER') expect(text).toBe('1000')
    }
    // The image's Node supports it.
    const isNew = (word: string) => word === '--disable-sigusr1'
    expect(command.filter(word => !isNew(word)).join(' ')).toBe(startScript())
    command = command.filter(word => !isNew(word) || process.allowedNodeEnvironmentFlags.has(word))
    expect(existsSync(join(stage, 'node_modules', 'typescript'))).toBe(false)
    const [program = '', ...args] = command
    const check = (PORT: string) =>
      run(health[0]!, health.slice(1), { cwd: stage, more: { ...variables, PORT } }).status
    const exit = await serving([program, ...args], { cwd: stage, more: variables }, async (_url, port) => {
      expect(check(String(port))).toBe(0)
      expect(check('1')).toBe(1)
    })
    expect(exit).toBe(0)
  })
})
