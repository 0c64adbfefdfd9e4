/** More than a visit has tabs: the others are of tabs that are gone. */
const most = 20

/** The chats of one visit, one session for each tab: pages that share a session would keep taking it from each other. */
export function createChats(service, credentials) {
  /** Promises of the sessions' ids, by tab name; the one used last is the last. */
  const ids = new Map()

  const takeUp = async before => {
    const id = await before
    return (id && (await service.resume(id))) ?? service.warm(credentials)
  }

  return {
    /** Resolves with what a tab's page attaches with: the tab's session once more, or a new one. */
    bind(tab) {
      const before = ids.get(tab)
      const binding = takeUp(before)
      ids.delete(tab)
      // Stored as a promise, so that signing out meanwhile ends this session as well.
      ids.set(
        tab,
        binding.then(({ id }) => id).catch(() => before),
      )
      if (ids.size > most) ids.delete(ids.keys().next().value)
      return binding
    },
    /** Ends all of them. A session that cannot be ended now ends by itself, a while after its page has gone. */
    async end() {
      const known = (await Promise.all(ids.values())).filter(Boolean)
      await Promise.allSettled(known.map(id => service.end(id)))
    },
  }
}
