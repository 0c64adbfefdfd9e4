/** The chats of one visit, one session for each tab: pages that share a session would keep taking it from each other. */
export function createChats(service, credentials) {
  /** Promises of the sessions' ids, by tab name. */
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
      // Stored as a promise, so that signing out meanwhile ends this session as well.
      ids.set(
        tab,
        binding.then(({ id }) => id).catch(() => before),
      )
      return binding
    },
    /** Ends all of them. A session that cannot be ended now ends by itself, a while after its page has gone. */
    async end() {
      const known = (await Promise.all(ids.values())).filter(Boolean)
      await Promise.allSettled(known.map(service.end))
    },
  }
}
