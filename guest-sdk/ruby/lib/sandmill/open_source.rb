# frozen_string_literal: true

module Sandmill
  # Records, where the next ones begin, and whether there are any.
  Chunk = Struct.new(:values, :keys, :cursor, :done)
  private_constant :Chunk

  # A source, opened with a configuration, and with the cursor of an earlier run.
  class OpenSource
    def initialize(declared, config, cursor)
      @names_cursors = declared.names_cursors?
      arguments = [declared.read_config(config), cursor].first(declared.block.parameters.size)
      @records = each(declared.block.call(*arguments))
      @cursor = cursor || ""
      @count = 0
      skip(cursor) if cursor && !@names_cursors
    end

    # At most this many records. Raises what the source raises.
    def pull(records_max)
      emitted = Emitted.new
      done = false
      until emitted.size >= records_max || done
        begin
          emitted.add(located(@records.next), 0)
          @count += 1
        rescue StopIteration
          done = true
        end
      end
      outcome = emitted.outcome([], straight: true)
      Chunk.new(outcome.values, outcome.keys, @names_cursors ? @cursor : @count.to_s, done)
    end

    private

    def each(records)
      return records if records.is_a?(Enumerator)
      return records.each_entry if records.is_a?(Enumerable)

      raise TypeError, "the source returned #{records.class}: a source returns an Enumerator, or another Enumerable"
    end

    def located(given)
      if @names_cursors
        raise TypeError, "a source that takes a cursor gives `At`, not #{given.class}" unless given.is_a?(At)

        @cursor = given.cursor.to_s
        given = given.value
      end
      return given unless given.nil? || given == true || given == false || given.is_a?(Array) || given.is_a?(To)

      raise TypeError, "the source gave #{given.inspect}: a record is a String, Keyed, or JSON"
    end

    def skip(cursor)
      raise Failure, "the cursor #{cursor.inspect} is not a number of records" unless cursor.match?(/\A\d+\z/)

      until @count == cursor.to_i
        @records.next
        @count += 1
      end
    rescue StopIteration
      @count = cursor.to_i
    end
  end
  private_constant :OpenSource
end
