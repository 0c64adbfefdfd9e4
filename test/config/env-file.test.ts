import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { readEnvFile } from '../../src/config/env-file.js'
import { problemsOf } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { folder, file: write } = testFolder()
const file = join(folder, '.env')

const read = (text: string) => readEnvFile(write('.env', text)).values
const problems = (text: string) => problemsOf(() => read(text))

describe('a file of settings', () => {
  test.each<[string, string, Record<string, string>]>([
    ['lines', 'A=1\nB_C=two words \nD=', { A: '1', B_C: 'two words', D: '' }],
    ['blank lines and comments', '# a\n\n  # b=c\n \t\nA=1 # d\n#', { A: '1' }],
    ['export before a name', 'export A=1\nexport\tB=2\nexported=3', { A: '1', B: '2', exported: '3' }],
    ['spaces around the sign', ' A = 1\n', { A: '1' }],
    ['quotes', `A="a # b"\nB='c="d"'\nC=\`e\`\nD="f\\ng"`, { A: 'a # b', B: 'c="d"', C: 'e', D: 'f\ng' }],
    [
      'quotes over several lines',
      `A="-----BEGIN\n\n# no comment\nno sign"\nB= 'x\ny' # z\nC=1`,
      { A: '-----BEGIN\n\n# no comment\nno sign', B: 'x\ny', C: '1' },
    ],
    ['lines as Windows ends them', 'A=1\r\n\r\nB="x\r\ny"\r\n', { A: '1', B: 'x\ny' }],
    ['a byte order mark', '\uFEFFA=1\nB=2', { A: '1', B: '2' }],
    ['a value with signs', 'A=b=c==\nB=x://y?z=1&u=2', { A: 'b=c==', B: 'x://y?z=1&u=2' }],
    ['nothing', '', {}],
  ])('may have %s', (_what, text, values) => {
    expect(read(text)).toEqual(values)
  })

  test('with a line that is no setting is rejected; the error names the line without its text', () => {
    const problem = (line: number) =>
      `${file} line ${line} is neither like NAME=value nor a comment, which begins with #`
    expect(problems('A=1\nS3cret\n# c\nB="x\ny"\n=1\nexport D\nno name=2')).toEqual([2, 6, 7, 8].map(problem))
    expect(problems('\uFEFFADMIN_USERS')).toEqual([problem(1)])
  })

  test('with an ambiguous value is rejected; the error names the line', () => {
    expect(problems('PORT=portal:it#s\nB="x#y"\nC=1 # fine\nD=#\nE="b\nF=1\nPORT=2')).toEqual([
      `${file} line 1 has a # that would end the value: put the value in quotes, or a space before a comment`,
      `${file} line 5 has a quote that does not close (")`,
      `${file} line 7 has PORT for the second time`,
    ])
  })

  test('with a value of which a part would be lost is rejected; the error names the line', () => {
    const problem = (line: number, quote: string) =>
      `${file} line ${line} has text after the quote that closes (${quote}), which would be lost: use another of " ' \` around the value`
    expect(problems(`A='it's'\nB="a"b\nC="x\ny" z\nD="a\\"b"\nE="a"#\nF='b'\t# c\nG="it's"`)).toEqual([
      problem(1, "'"),
      problem(2, '"'),
      problem(3, '"'),
      problem(5, '"'),
    ])
  })

  const missing = join(folder, 'none')

  test('may be missing, but not if the command line names it, and must be readable if it exists', () => {
    expect(readEnvFile(missing).values).toEqual({})
    expect(problemsOf(() => readEnvFile(missing, true))).toEqual([
      `${missing} cannot be read (ENOENT): there is no such file. Correct the path, or create the file`,
    ])
    expect(problemsOf(() => readEnvFile(folder))).toEqual([
      `${folder} cannot be read (EISDIR): it is a folder. Name a file in it`,
    ])
  })
})
