# app/controllers/concerns/chats.rb, with the gem jwt. ApplicationController has `include Chats`.
require 'net/http'

module Chats
  # The action for /chat/token. With `checkEvery`, pages call this every minute. If your sessions have `expire_after`,
  # first set `request.session_options[:skip] = true`, and call chat_token at the sign-in. Otherwise they never expire.
  def send_chat_token
    return head(:unauthorized) unless current_user
    response.headers.merge!('Cache-Control' => 'no-store', 'X-Content-Type-Options' => 'nosniff')
    render json: { token: chat_token }
  end

  # A token for the pages of this session. Call this at the sign-in too, so that two tabs get one visit. The visit is
  # no secret: logs can contain it. If you call reset_session between sign-in and sign-out, put the old chat_visit into
  # the new session.
  private def chat_token
    visit = session[:chat_visit] ||= SecureRandom.hex
    claims = { sub: current_user.name, aud: 'chat', exp: 5.minutes.from_now.to_i, visit: visit }
    JWT.encode(claims, ENV.fetch('CHAT_SECRET'), 'HS256')
  end

  # Call this at the sign-out, after reset_session, with a token that you made before.
  private def end_chats(token, tries = 3)
    url = URI('https://chat.example.org/connect')
    options = { use_ssl: url.scheme == 'https', open_timeout: 5, read_timeout: 5 }
    headers = { 'Authorization' => "Bearer #{token}" }
    Net::HTTP.start(url.host, url.port, options) { |http| http.delete(url.path, headers) }.value
  rescue StandardError => error # also an answer that is no success
    may_retry = !error.respond_to?(:response) || %w[429 502 503 504].include?(error.response.code)
    return logger.error("The chats of a session did not end: #{error.message}") unless may_retry && tries > 1
    wanted = error.response['Retry-After'] if error.respond_to?(:response)
    sleep(/\A\d+\z/.match?(wanted) ? [wanted.to_i, 10].min : 4 - tries)
    end_chats(token, tries - 1)
  end
end
