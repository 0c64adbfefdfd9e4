# Makes the calls that it reads, with the client of the file that it is given, and prints their outcomes.
require 'json'
require ARGV[0]

NAMES = { 'endAll' => 'end_all', 'endVisit' => 'end_visit' }.freeze
LIMITS = { timeoutSeconds: :timeout_seconds, totalSeconds: :total_seconds, attempts: :attempts }.freeze

about = JSON.parse($stdin.read)
limits = about['limits'].transform_keys { |name| LIMITS.fetch(name.to_sym) }
warm = WarmBindings.new(about['url'], about['user'], about['secret'], **limits)
outcomes = about['calls'].map do |name, *given|
  named = given.last.is_a?(Hash) ? given.pop.transform_keys(&:to_sym) : {}
  result = warm.public_send(NAMES.fetch(name, name), *given, **named)
  { result: name == 'sessions' ? result.to_a : result }
rescue WarmBindings::Error => e
  fields = %i[code detail advice retry status instance].to_h { |field| [field, e.public_send(field)] }
  shown = e.full_message + e.inspect + e.instance_variables.map { |field| e.instance_variable_get(field) }.inspect
  { error: { **fields, retryAfter: e.retry_after }, shown: shown + warm.inspect }
end
puts JSON.generate(outcomes)
