import { Problem } from '../../src/lib/errors.js'

/** The problem that `call` throws. Its `text` is `none` if it throws nothing. */
export function problemIn(call: () => unknown) {
  try {
    call()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const { code, step, quote, detail } = error
    return { code, step, detail, text: [code, quote, detail].filter(Boolean).join(' | ') }
  }
  return { text: 'none' }
}
