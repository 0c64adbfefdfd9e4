# The table `chats` has `visit`, `tab`, `session_id` and `used_at`. `Warm` is a complete client, without retries.
require 'net/http'

module Warm
  URL = 'http://127.0.0.1:8080/warm'
  class Error < StandardError; end

  # Returns nil if the session has ended.
  def self.call(method, path = '', parameters = {})
    url = URI(URL + path)
    headers = { 'Accept' => 'application/json', 'Content-Type' => 'application/json' }
    request = Net::HTTP.const_get(method).new(url, headers)
    request.basic_auth('portal', 'choose-a-secret')
    request.body = parameters.to_json
    answer = Timeout.timeout(20) do
      Net::HTTP.start(url.host, url.port, use_ssl: url.scheme == 'https') { |http| http.request(request) }
    end
    return if answer.is_a?(Net::HTTPNoContent)
    body = JSON.parse(answer.body)
    return body if answer.is_a?(Net::HTTPOK)
    return if %w[session-not-found not-here].include?(body['code'])
    raise Error, body.values_at('code', 'detail', 'instance').join(' ')
  rescue SystemCallError, SocketError, Timeout::Error, IOError, JSON::ParserError => error
    raise Error, "no answer: #{error.class}"
  end
end

class ChatsController < ApplicationController
  rescue_from(Warm::Error) { |error| logger.warn(error.message) && head(:service_unavailable) }

  def show
    return head(:unauthorized) unless current_user
    chat = Chat.find_or_initialize_by(visit: session.id.private_id, tab: params[:tab].to_s.first(36))
    binding = Warm.call('Post', "/#{chat.session_id}/resume") if chat.session_id
    binding ||= Warm.call('Post', '', jid: current_user.jid)
    chat.update!(session_id: binding['id'], used_at: Time.current)
    response.headers['Cache-Control'] = 'no-store'
    render json: binding
  end
end

# When the user signs out, before reset_session:
begin
  chats = Chat.where(visit: session.id.private_id)
  chats.each { |chat| Warm.call('Delete', "/#{chat.session_id}") }
  chats.delete_all
rescue Warm::Error => error
  logger.warn(error.message) # they end by themselves, BOSH_INACTIVITY seconds after their pages have gone
end
