# Calls warm-bindings from a portal's backend. Ruby 3.1 or later, without any gem. Copy this file.
#
#   warm = WarmBindings.new('http://127.0.0.1:8080/warm', 'portal', 'choose-a-secret') # of ADMIN_USERS
#   binding = warm.warm(jid: 'alice@example.org', password: 'wonderland', visit: visit, tab: tab) # jid, sid, rid, id …
#   warm.end_visit(visit)                    # at sign-out
#   binding = warm.resume(id)                # for another page; nil: the session has ended
#   session = warm.session(id); warm.end(id) # its state, or nil; logs the user out
#   warm.sessions(state: 'quiet') { |session| … }
#   warm.end_all(jid: 'alice@example.org')
#
# `visit` names a sign-in at the portal, and `tab` a browser tab. The next call with both resumes the chat session.
# With remember: true the binding has a `credential`, which later calls send instead of the password.
# Retries temporary errors, at most `attempts` times within `total_seconds`. Other errors are a WarmBindings::Error:
# its `code` is in docs/errors.md, or `no-answer`, or `bad-answer` if another program answered.
require 'json'
require 'net/http'
require 'timeout'
require 'uri'

class WarmBindings
  LONGEST_ANSWER = 8 * 1024 * 1024
  # Codes to retry if an answer has no `retry`.
  PASSING = %w[
    no-answer remote-connection-failed remote-stream-error temporary-auth-failure service-full session-unreachable
    store-unavailable shutting-down timeout too-many-requests
  ].freeze

  # `detail` and `advice` are for operators. `retry` tells whether the same call may succeed later, after `retry_after`
  # seconds if known. The service's log has the call under `instance`.
  class Error < StandardError
    attr_reader :code, :detail, :advice, :retry, :status, :instance, :retry_after

    def initialize(code, detail, advice: nil, retry: nil, status: nil, instance: nil, retry_after: nil)
      super("#{code}: #{detail}#{" (#{instance})" if instance}")
      given = binding.local_variable_get(:retry) # a keyword of Ruby
      @retry = given.nil? ? PASSING.include?(code) : given
      @code, @detail, @advice, @status, @instance, @retry_after = code, detail, advice, status, instance, retry_after
    end
  end

  # `timeout_seconds` of one attempt must be above the service's WARM_TIMEOUT.
  def initialize(url, user, secret, timeout_seconds: 20, total_seconds: 40, attempts: 3)
    @url = URI.parse(url.chomp('/'))
    @user, @secret = user, secret
    @timeout, @total, @attempts = timeout_seconds, total_seconds, attempts
  end

  # Keeps the secret out of logs.
  def inspect = "#<WarmBindings #{@url}>"

  def warm(**parameters) = call('POST', '', :binding?, parameters)

  def resume(id, **parameters) = call_session('POST', id, '/resume', :binding?, parameters)

  def session(id) = call_session('GET', id, '', :session?)

  def end(id)
    call_session('DELETE', id, '', :nil?)
    nil
  end

  def end_visit(visit) = end_all(visit: visit)

  def end_all(**query) = call('DELETE', "/sessions?#{URI.encode_www_form(query)}", :ended?)

  # The sessions that match, oldest first. The loop fetches them in parts.
  def sessions(**query)
    return enum_for(:sessions, **query) unless block_given?

    places = {}
    loop do
      part = call('GET', "/sessions?#{URI.encode_www_form({ limit: 1000, **query })}", :list?)
      part['sessions'].each { |session| yield session }
      place = part['next'] or return
      raise Error.new('bad-answer', 'The list of sessions does not end: `next` is repeated.') if places[place]

      query[:after] = place
      places[place] = true
    end
  end

  private

  def call_session(method, id, path, check, parameters = nil)
    return nil unless id.match?(/\A[\w-]{16,64}\z/) # no session has this id, which could change the URL

    call(method, "/#{id}#{path}", check, parameters)
  rescue Error => e
    raise unless %w[session-not-found not-here].include?(e.code)
  end

  def call(method, path, check, parameters = nil)
    body = JSON.generate(parameters) unless parameters.nil? || parameters.empty?
    deadline = now + @total
    count = 1
    begin
      read(*exchange(method, path, body, [@timeout, deadline - now].min), check)
    rescue Error => e
      # The pause is Retry-After, or 1, 2, 4 … seconds, plus up to half as much.
      pause = (e.retry_after || 2**(count - 1)) * rand(1.0..1.5)
      raise if !e.retry || count >= @attempts || now + pause >= deadline

      sleep(pause)
      count += 1
      retry
    end
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  # The timeouts of Net::HTTP count for each read only.
  def exchange(method, path, body, seconds)
    request = Net::HTTPGenericRequest.new(
      method, !body.nil?, true, "#{@url.path}#{path}", 'Accept' => 'application/json', 'Accept-Encoding' => 'identity'
    )
    request.basic_auth(@user, @secret)
    request.content_type = 'application/json' if body
    request.body = body
    Timeout.timeout(seconds) { send_request(request) }
  rescue Timeout::Error
    raise Error.new('no-answer', 'The service did not answer in time.'), cause: nil
  rescue SystemCallError, IOError, SocketError, OpenSSL::SSL::SSLError, Net::ProtocolError, Net::HTTPBadResponse,
         Net::HTTPHeaderSyntaxError => e
    raise Error.new('no-answer', "The service did not answer: #{e.message}."), cause: nil
  end

  def send_request(request)
    http = Net::HTTP.new(@url.hostname, @url.port, nil) # a proxy would get the secrets
    http.use_ssl = @url.scheme == 'https'
    http.max_retries = 0
    text = +''
    http.start do
      response = http.request(request) do |answer|
        answer.read_body do |part|
          text << part
          too_long(answer.code.to_i) if text.bytesize > LONGEST_ANSWER
        end
      end
      length = response.content_length
      raise EOFError, 'the connection broke' if length && text.bytesize < length

      return [response, text.force_encoding(Encoding::UTF_8)]
    end
  end

  def too_long(status) = raise(Error.new('bad-answer', 'The answer is too long.', status: status))

  def read(response, text, check)
    status = response.code.to_i
    answer = status == 204 ? nil : parsed(text)
    return answer if (status == 204 || (status == 200 && answer.is_a?(Hash))) && checks?(check, answer)

    seconds = response['Retry-After']
    retry_after = seconds.to_i if seconds&.match?(/\A\d{1,9}\z/)
    if response['Content-Type'].to_s.start_with?('application/problem+json') && problem?(answer)
      about = { advice: answer['advice'], retry: answer['retry'], instance: answer['instance'] }
      raise Error.new(answer['code'], answer['detail'] || '', status: status, retry_after: retry_after, **about)
    end
    if [429, 502, 503, 504].include?(status)
      detail = "A server in between says HTTP #{status}."
      raise Error.new('no-answer', detail, status: status, retry_after: retry_after)
    end
    detail = "HTTP #{status} is not from warm-bindings: is the url that of its /warm?"
    raise Error.new('bad-answer', detail, status: status)
  end

  def parsed(text)
    JSON.parse(text)
  rescue JSON::ParserError, EncodingError
    nil
  end

  def checks?(check, answer) = check == :nil? ? answer.nil? : send(check, answer)

  def texts?(answer, *names) = answer.is_a?(Hash) && names.all? { |name| answer[name].is_a?(String) }

  def problem?(answer)
    texts?(answer, 'code') &&
      %w[detail advice instance].all? { |name| answer[name].nil? || answer[name].is_a?(String) } &&
      [nil, true, false].include?(answer['retry'])
  end

  def binding?(answer) = texts?(answer, 'id', 'jid', 'sid') && answer['rid'].is_a?(Integer)

  def session?(answer) = texts?(answer, 'id')

  def list?(answer)
    sessions, place = answer&.values_at('sessions', 'next')
    return false unless sessions.is_a?(Array) && sessions.all? { |each| session?(each) }

    place.nil? || (place.is_a?(String) && sessions.any?) # a part without sessions is the last
  end

  def ended?(answer) = texts?(answer) && answer['ended'].is_a?(Integer)
end
