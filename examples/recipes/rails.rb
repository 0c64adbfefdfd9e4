# app/controllers/concerns/chats.rb, with the gem jwt. ApplicationController has `include Chats`.
require 'net/http'

module Chats
  # The action for /chat/token.
  def send_chat_token
    return head(:unauthorized) unless current_user
    response.headers['Cache-Control'] = 'no-store'
    render plain: chat_token
  end

  # A token for the pages of this session. `visit` may appear in logs, so it is a hash.
  private def chat_token
    claims = { sub: current_user.name, aud: 'chat', exp: 5.minutes.from_now.to_i, visit: session.id.private_id }
    JWT.encode(claims, ENV.fetch('CHAT_SECRET'), 'HS256')
  end

  # Call it when the user signs out, before reset_session.
  private def end_chats
    url = URI('https://chat.example.org/connect')
    headers = { 'Authorization' => "Bearer #{chat_token}" }
    Net::HTTP.start(url.host, url.port, use_ssl: url.scheme == 'https') { |http| http.delete(url.path, headers) }
  end
end
