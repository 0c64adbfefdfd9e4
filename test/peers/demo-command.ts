// `npm run demo` without the build: the command as it is typed, and what it prints.
import { type RunningCommand, startCommand } from './command.js'

export interface DemoCommand extends RunningCommand {
  /** The commands that it prints, as they stand there. */
  readonly commands: readonly string[]
}

/** Starts the built command on a free port and resolves once it has said where it is. */
export async function startDemoCommand(): Promise<DemoCommand> {
  const running = await startCommand(['dist/main.js', '--demo'])
  const lines = running.introduction.split('\n').map(line => line.trim())
  return { ...running, commands: lines.filter(line => line.startsWith('curl ')) }
}
