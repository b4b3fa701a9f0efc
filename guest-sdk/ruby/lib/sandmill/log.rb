# frozen_string_literal: true

module Sandmill
  # Lines for the person who runs the pipeline. The host adds stage and worker; natively they go to stderr.
  #
  # `puts`, `print`, `p` and `warn` end in the log, too, when the stage runs in a pipeline.
  class Log
    LEVELS = %i[debug info warn error].freeze

    def initialize
      @sink = ->(level, line) { $stderr.puts("#{level}: #{line}") }
    end

    # What takes a line.
    attr_writer :sink

    # Each takes a message, or a block that makes one.
    def debug(message = nil) = add(:debug, block_given? ? yield : message)
    def info(message = nil) = add(:info, block_given? ? yield : message)
    def warn(message = nil) = add(:warn, block_given? ? yield : message)
    def error(message = nil) = add(:error, block_given? ? yield : message)

    private

    def add(level, message)
      message.to_s.split("\n", -1).each { |line| @sink.call(level, line) }
      nil
    end
  end

  @log = Log.new

  class << self
    # The log: `Sandmill.log.info "three lines were empty"`.
    attr_reader :log
  end
end
