/** The chats of one visit, each tab's its own: pages that shared a session would take it from each other all the time. */
export function createChats(service, credentials) {
  /** Promises of the sessions' ids, by the names of the tabs. */
  const ids = new Map()

  const takeUp = async before => {
    const id = await before
    return (id && (await service.resume(id))) ?? service.warm(credentials)
  }

  return {
    /** What a tab's page attaches with: to the tab's session once more, or to a new one. */
    bind(tab) {
      const before = ids.get(tab)
      const binding = takeUp(before)
      // Kept before it is known: whoever signs out meanwhile ends this session as well.
      ids.set(
        tab,
        binding.then(({ id }) => id).catch(() => before),
      )
      return binding
    },
    /** Logs out of all of them. One that cannot be ended now ends by itself, a while after its page. */
    async end() {
      const known = (await Promise.all(ids.values())).filter(Boolean)
      await Promise.allSettled(known.map(service.end))
    },
  }
}
