// A plugin for Converse 14. Its settings need `whitelisted_plugins: ['contacts']`.
converse.plugins.add('contacts', {
  initialize() {
    const { api, state } = this._converse
    const { stx } = converse.env
    const ask = () => {
      for (const contact of state.roster.models)
        if (/^(to|both)$/.test(contact.get('subscription')))
          api.send(stx`<presence type="probe" to="${contact.get('jid')}" xmlns="jabber:client"/>`)
    }
    for (const event of ['rosterContactsFetched', 'cachedRoster']) api.listen.on(event, ask)
  },
})
