"""Logs alice in over WebSocket with nbxmpp, says where it is, and answers each message."""

import sys

import gi

gi.require_version('Soup', '3.0')
from gi.repository import GLib
from nbxmpp.client import Client
from nbxmpp.const import ConnectionProtocol, ConnectionType, Mode
from nbxmpp.protocol import Message, Presence
from nbxmpp.structs import StanzaHandler

loop = GLib.MainLoop()
client = Client(log_context='test')
client.set_domain('localhost')
client.set_username('alice')
client.set_password('wonderland')
client.set_mode(Mode.CLIENT)
client.set_custom_host(sys.argv[1], ConnectionProtocol.WEBSOCKET, ConnectionType.PLAIN)


def say(text):
    print(text, flush=True)


def on_connected(_client, _signal):
    say(f'online {client.get_bound_jid()}')
    client.send_stanza(Presence())


def on_end(_client, signal):
    say(f'{signal} {client.get_error()}')
    loop.quit()


def on_message(_client, _stanza, properties):
    if properties.body:
        say(f'message {properties.body}')
        client.send_stanza(Message(to=properties.jid, body='nbxmpp has it', typ='chat'))


client.subscribe('connected', on_connected)
client.subscribe('disconnected', on_end)
client.subscribe('connection-failed', on_end)
client.register_handler(StanzaHandler(name='message', callback=on_message))
client.connect()
loop.run()
