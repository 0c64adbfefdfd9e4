// Jest's reporter for `npm run mutants`: one line of JSON in `MUTANTS_REPORT` for each test file.
import { appendFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const { MUTANTS_REPORT: report, MUTANTS_REACHED: folder } = process.env

const clear = () => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
}

export default class MutantsReporter {
  onTestFileStart() {
    clear()
  }

  onTestFileResult({ path }, { testResults, testExecError, perfStats }) {
    const failed = testResults.find(({ status }) => status === 'failed')?.fullName
    const reached = readdirSync(folder)
    const seconds = (perfStats.end - perfStats.start) / 1000
    appendFileSync(report, `${JSON.stringify({ path, seconds, reached, failed: failed ?? testExecError?.message })}\n`)
  }
}
