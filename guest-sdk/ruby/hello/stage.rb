# frozen_string_literal: true

# The stage under test: the subject of the conformance suite, the same in each language.

require "sandmill"
require_relative "odd"

Sandmill.stage(config: { prefix: "" }) do |line, config|
  case line[0]
  when "!" then raise Sandmill::Failure.new("told to fail: #{line}", retryable: line.start_with?("!?"))
  when "-" then nil
  when "+" then [config.prefix + line[1..].upcase(:ascii)] * 2
  when "*" then [config.prefix + line.upcase(:ascii)] * Integer(line[1..])
  when "@"
    key, value = line[1..].split("=", 2)
    Sandmill::Keyed[key, config.prefix + value.upcase(:ascii)]
  when ">"
    port, value = line[1..].split(" ", 2)
    Sandmill::To[Integer(port), config.prefix + value.upcase(:ascii)]
  when "~" then odd(line)
  else config.prefix + line.upcase(:ascii)
  end
end
