import { startDemo } from '../demo/demo.js'
import { untilSignal } from './until-signal.js'

/** Throws a `CommandError` if it cannot start. */
export async function serveDemo(): Promise<void> {
  await untilSignal(startDemo(process.env))
}
