# frozen_string_literal: true

module Sandmill
  # What an instance does not survive: after these, Ruby itself, or the stage's state, may be damaged.
  FATAL = [NoMemoryError, SystemStackError, SystemExit, SignalException].freeze
  private_constant :FATAL

  # An open stage: the records of one call in, what became of each out. A record that fails leaves the others alone.
  class Instance
    def initialize(declared, config)
      @input = declared.input
      config = declared.read_config(config)
      @stage = declared.make(config)
      @arguments = declared.takes_config? ? [config] : []
      @flushes = @stage.respond_to?(:flush)
    end

    # Takes the records of one invocation: a column of values, and one of keys that is empty where no record has one.
    def process(values, keys)
      run = Run.new(values, keys, @input)
      run.each(@stage, @arguments)
      run.outcome
    end

    # Takes what the stage has kept for its end. Raises what the stage raises.
    def flush
      emitted = Emitted.new
      given = @flushes ? @stage.flush : nil
      raise TypeError, "`flush` returned true, which stands for the record: it has none" if given == true

      emitted.add(given, 0)
      emitted.outcome([], straight: true)
    end

    # One invocation.
    class Run
      def initialize(values, keys, input)
        @data = values.data.force_encoding(input.bytes? ? Encoding::BINARY : Encoding::UTF_8)
        @ends = values.ends
        @keys = keys.size.zero? ? nil : keys.values
        @input = input
        # A part of ASCII is ASCII: no record needs to be looked at.
        @is_checked = input.bytes? || @data.ascii_only?
        @emitted = Emitted.new
        @failures = []
        @index = @from = 0
      end

      def each(stage, arguments)
        rest(stage, arguments) while @index < @ends.size
      end

      def outcome
        straight = @failures.empty? && @emitted.size == @ends.size && @is_straight != false
        @emitted.outcome(@failures, straight: straight)
      end

      private

      # The records up to the first that fails.
      def rest(stage, arguments)
        mark = 0
        config = arguments.first
        takes_config = !arguments.empty?
        while @index < @ends.size
          mark = @emitted.size
          to = @ends[@index]
          bytes = @data.byteslice(@from, to - @from)
          @from = to
          key = @keys ? @keys[@index] : ""
          record = @input.record(bytes, key, @is_checked)
          result = takes_config ? stage.process(record, config) : stage.process(record)
          @emitted.add(result, @index, key, bytes)
          @is_straight = false if @emitted.size != mark + 1
          @index += 1
        end
      rescue *FATAL
        raise
      rescue Exception => error
        @emitted.take_back(mark)
        fail(error)
        @index += 1
      end

      def fail(error)
        message = error.is_a?(Failure) ? error.message : Place.both(error)
        @failures << Failed.new(@index, message, error.is_a?(Failure) && error.retryable?)
      end
    end
    private_constant :Run
  end
  private_constant :Instance
end
