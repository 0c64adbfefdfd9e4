type Name = 'SIGHUP' | 'SIGUSR2'

/** Sets what each signal does. Signals that came before take effect now. */
export type ObeySignals = (orders: Readonly<Record<Name, () => void>>) => void

/** A closed terminal sends SIGHUP, too. */
export function holdSignals(): ObeySignals {
  const early = new Set<Name>()
  let obey = (name: Name): void => void early.add(name)
  for (const name of ['SIGHUP', 'SIGUSR2'] as const) process.on(name, () => obey(name))
  return orders => {
    obey = name => orders[name]()
    for (const name of early) obey(name)
  }
}
