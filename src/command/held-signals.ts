export type ObeySignals<Name extends NodeJS.Signals> = (orders: Readonly<Record<Name, () => void>>) => void

/** Holds signals until the returned function is called. */
export function holdSignals<Name extends NodeJS.Signals>(...names: readonly Name[]): ObeySignals<Name> {
  const early = new Set<Name>()
  let obey = (name: Name): void => void early.add(name)
  for (const name of names) process.on(name, () => obey(name))
  return orders => {
    obey = name => orders[name]()
    for (const name of early) obey(name)
  }
}
