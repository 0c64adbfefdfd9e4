// Logs alice in over BOSH with gloox, says where it is, and answers each message.
#include <cstdlib>
#include <iostream>
#include <gloox/client.h>
#include <gloox/connectionbosh.h>
#include <gloox/connectionlistener.h>
#include <gloox/connectiontcpclient.h>
#include <gloox/message.h>
#include <gloox/messagehandler.h>

using namespace gloox;

class Visitor : public ConnectionListener, MessageHandler {
public:
  Visitor(int port) : client(JID("alice@localhost"), "wonderland") {
    client.registerConnectionListener(this);
    client.registerMessageHandler(this);
    auto tcp = new ConnectionTCPClient(client.logInstance(), "127.0.0.1", port);
    client.setConnectionImpl(new ConnectionBOSH(&client, tcp, client.logInstance(), "127.0.0.1", "localhost", port));
    client.setTls(TLSDisabled);
    client.connect();
  }
  void onConnect() override { std::cout << "online " << client.jid().full() << std::endl; }
  void onDisconnect(ConnectionError error) override { std::cout << "offline " << error << std::endl; }
  bool onTLSConnect(const CertInfo&) override { return true; }
  void handleMessage(const Message& message, MessageSession*) override {
    std::cout << "message " << message.body() << std::endl;
    client.send(Message(Message::Chat, message.from(), "gloox has it"));
  }
private:
  Client client;
};

int main(int, char** words) { Visitor visitor(std::atoi(words[1])); }
