# frozen_string_literal: true

module Sandmill
  # An output of a trial. `origin` is the place in the input of the record that it was made of; nil when it was flushed.
  Output = Struct.new(:value, :key, :origin, :port) do
    # The value as text.
    def text = value.dup.force_encoding(Encoding::UTF_8)
  end

  # What became of the records of one call.
  Fates = Struct.new(:outputs, :failures) do
    # The outputs' values as text.
    def texts = outputs.map(&:text)

    # Why the record at this place of the input failed, or nil.
    def failure(index) = failures[index]&.message

    def self.of(outcome, has_origins:)
      values, keys = outcome.values.values, outcome.keys.values
      origins = outcome.origins.empty? ? (0...values.size).to_a : outcome.origins
      outputs = values.each_with_index.map do |value, at|
        Output.new(value, keys[at] || "", has_origins ? origins[at] : nil, outcome.ports[at] || 0)
      end
      new(outputs, outcome.failures.to_h { |failed| [failed.index, Failure.new(failed.message, retryable: failed.retryable)] })
    end
  end

  # An open stage, natively: records in, what became of them out.
  class Trial
    def initialize(declared, config)
      @instance = Instance.new(declared, config)
    end

    # Gives the stage records without keys, all in one batch.
    def process(values)
      Fates.of(@instance.process(Column.of(values), Column.new), has_origins: true)
    end

    # Gives the stage records with keys, all in one batch: `[["key", "value"]]`.
    def process_keyed(records)
      keys, values = records.map(&:first), records.map(&:last)
      Fates.of(@instance.process(Column.of(values), Column.of(keys)), has_origins: true)
    end

    # Tells the stage that the input has ended. Raises what the stage raises.
    def flush = Fates.of(@instance.flush, has_origins: false)
  end

  # An open source.
  class SourceTrial
    # Where the next records begin.
    attr_reader :cursor

    def initialize(declared, config, cursor)
      @source = OpenSource.new(declared, config, cursor)
      @cursor = cursor
      @done = false
    end

    # Whether there are no more records.
    def done? = @done

    # Takes at most this many records.
    def pull(records_max = 1 << 16)
      chunk = @source.pull(records_max)
      @cursor = chunk.cursor
      @done = chunk.done
      Fates.of(Outcome.new(chunk.values, chunk.keys, [], [], []), has_origins: false)
    end
  end
end
