# frozen_string_literal: true

require_relative "reach"

module Sandmill
  # The Wasm side: what the host calls. Only the boot program loads it.
  #
  # A call is read from standard input, which is empty for the stage. The answer is a string that `adapters/ruby.wat` makes
  # addresses of: the canonical ABI's layout of the result.
  class Guest
    # Words before the lists of a result: how many lists there are, which of them has the failures, and 0 for success.
    OUTCOME = "Vl<V15"
    CHUNK = "Vl<V12"
    TEXTS = "Vl<V5"
    LISTS_OF_OUTCOME = 7
    FAILURES = 6
    FAILURE = "V4"
    LEVELS = { debug: 0, info: 1, warn: 2, error: 3 }.freeze
    IN = $stdin
    OUT = $stdout

    def initialize
      Sandmill.log.sink = ->(level, line) { OUT.syswrite("\0#{LEVELS.fetch(level).chr}#{line}\n") }
    end

    # Serves one call.
    def call
      operation, *words = IN.sysread(20).unpack("V5")
      case operation
      when 0 then answer { open(read(words[0]), nil) }
      when 1 then answer { process(*words) }
      when 2 then answer { outcome(@open.flush) }
      when 3 then answer { open(read(words[0]), words[1].zero? ? nil : read(words[2])) }
      else answer { chunk(@open.pull(words[0])) }
      end
    end

    private

    def read(bytes)
      return +"" if bytes.zero?

      text = IN.sysread(bytes)
      # A part is read in pieces where it is longer than what Ruby asks for at once.
      text << IN.sysread(bytes - text.bytesize) while text.bytesize < bytes
      text.force_encoding(Encoding::UTF_8)
    end

    # What an instance does not survive ends it, with message and place.
    def answer
      yield
    rescue Failure => failure
      texts(1, failure.message)
    rescue *FATAL => error
      texts(2, Place.message(error), Place.of(error))
    rescue Exception => error
      texts(1, Place.both(error))
    ensure
      $stdout.flush
      $stderr.flush
    end

    def open(config, cursor)
      Reach.seal
      entry = SandmillFiles::TEXTS.keys.first
      SandmillFiles.load(entry)
      declared = Sandmill.declared
      raise Failure, "a component has one `Sandmill.stage` or `Sandmill.source`: #{entry} has #{declared.size}" if declared.size != 1

      @open = declared.first.source? ? OpenSource.new(declared.first, config, cursor) : Instance.new(declared.first, config)
      [0, -1, 0].pack("Vl<V") + "\0" * 12
    end

    def process(bytes, count, key_bytes, key_count)
      ends = read(4 * count).unpack("V*")
      key_ends = read(4 * key_count).unpack("V*")
      values = read(bytes)
      keys = read(key_bytes).force_encoding(Encoding::BINARY)
      outcome(@open.process(Column.new(values, ends), Column.new(keys, key_ends)))
    end

    # In the order of the interface: values, their ends, keys, their ends, origins, ports, failures.
    def outcome(it)
      parts = [it.values.data, it.values.ends.pack("V*"), it.keys.data, it.keys.ends.pack("V*"),
               it.origins.pack("V*"), it.ports.pack("v*")]
      counts = [it.values.data.bytesize, it.values.size, it.keys.data.bytesize, it.keys.size, it.origins.size, it.ports.size]
      at = 4 + 8 * LISTS_OF_OUTCOME
      lists, at = places(parts, counts, at)
      messages = it.failures.map { |failed| crossing(failed.message) }
      failures = failures(it.failures, messages, at)
      [LISTS_OF_OUTCOME, FAILURES, 0, *lists, at, it.failures.size].pack(OUTCOME) << padded(parts) << failures << messages.join
    end

    def failures(failures, messages, at)
      at += 16 * failures.size
      failures.zip(messages).map do |failed, message|
        packed = [failed.index, failed.retryable ? 1 : 0, at, message.bytesize].pack(FAILURE)
        at += message.bytesize
        packed
      end.join
    end

    def chunk(it)
      cursor = crossing(it.cursor)
      parts = [it.values.data, it.values.ends.pack("V*"), it.keys.data, it.keys.ends.pack("V*"), cursor]
      counts = [it.values.data.bytesize, it.values.size, it.keys.data.bytesize, it.keys.size, cursor.bytesize]
      lists, = places(parts, counts, 48)
      [5, -1, 0, *lists, it.done ? 1 : 0].pack(CHUNK) << padded(parts)
    end

    # Offsets with counts, and where the next part begins. Each part begins at a multiple of four.
    def places(parts, counts, at)
      lists = parts.zip(counts).flat_map do |part, count|
        place = [at, count]
        at += part.bytesize + padding(part)
        place
      end
      [lists, at]
    end

    def padded(parts)
      parts.each_with_object(String.new(encoding: Encoding::BINARY)) do |part, all|
        all << part.b << "\0" * padding(part)
      end
    end

    def padding(part) = -part.bytesize % 4

    # One or two texts: an error, or message and place of a panic.
    def texts(tag, message, place = "")
      message, place = crossing(message), crossing(place)
      at = 4 + 16
      [2, -1, tag, at, message.bytesize, at + message.bytesize, place.bytesize].pack(TEXTS) << message << place
    end

    # A text that is UTF-8.
    def crossing(text) = text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub.b
  end
end
