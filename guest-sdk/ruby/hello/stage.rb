# frozen_string_literal: true

# The stage under test: the subject of the conformance suite, the same in each language.

require "sandmill"
require_relative "odd"

class Hello
  def initialize(config)
    @config = config
    @seen = @kept = 0
    @is_spoilt = false
  end

  def process(line)
    @seen += 1
    case line[0]
    when "!" then raise Sandmill::Failure.new("told to fail: #{line}", retryable: line.start_with?("!?"))
    when "-" then nil
    when "+" then [upper(line[1..])] * 2
    when "*" then [upper(line)] * Integer(line[1..])
    when "@"
      key, value = line[1..].split("=", 2)
      Sandmill::Keyed[key, upper(value)]
    when ">"
      port, value = line[1..].split(" ", 2)
      Sandmill::To[Integer(port), upper(value)]
    when "~" then of_instance(line) { odd(line) }
    else upper(line)
    end
  end

  def flush
    raise Sandmill::Failure, "told to fail at the end" if @is_spoilt

    (1..@kept).map { |number| Sandmill::Keyed["kept", number.to_s] }
  end

  private

  def upper(text)
    @config.prefix + text.upcase(:ascii)
  end

  # What concerns the instance.
  def of_instance(line)
    case line[1..]
    when "keep" then (@kept += 1) && nil
    when "spoil" then (@is_spoilt = true) && nil
    when "count" then @seen.to_s
    when "limit" then @config.limit.to_s
    else yield
    end
  end
end

Sandmill.stage(Hello, config: { prefix: "", limit: 0 })
