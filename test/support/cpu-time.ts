/** Processor time of this process, in milliseconds. Unlike a clock, it does not run while other processes have the processor. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
