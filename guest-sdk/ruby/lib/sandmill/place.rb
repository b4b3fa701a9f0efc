# frozen_string_literal: true

module Sandmill
  # Where in the author's code an exception came from, and what it says.
  module Place
    SDK = File.dirname(__FILE__)
    HIDDEN = ["<internal:", "/usr/local/lib/ruby/"].freeze
    # As the interpreter calls what is evaluated before any file is.
    UNNAMED = ["eval", "-e"].freeze
    FRAMES_MAX = 8

    module_function

    # `stage.rb:12 in parse, called from stage.rb:7 in shout`: the innermost frame first.
    def of(error)
      frames = (error.backtrace_locations || []).map { |frame| [frame.path, frame.lineno, frame.base_label] }
      frames = (error.backtrace || []).filter_map { |line| line.match(/\A(.+?):(\d+)(?::in [`'](?:.*[#.])?(.*)')?/)&.captures } if frames.empty?
      own = own(frames).map { |path, line, label| shown(path, line, label) }
      own.chunk_while { |one, other| one == other }.first(FRAMES_MAX).map { |same| "#{same.first}#{times(same.size)}" }.join(", called from ")
    end

    # The author's frames. A method of Ruby's own has the place of its caller, which stands for both.
    def own(frames)
      # From the SDK that the author's code called, to the SDK that called the author's code.
      frames = frames.drop_while { |path, _, _| path&.start_with?(SDK) }.take_while { |path, _, _| !path&.start_with?(SDK) }
      own = frames.reject { |path, _, _| hidden?(path) }
      own.each_with_index.reject { |frame, at| own[at + 1]&.first(2) == frame.first(2) && own[at + 1] != frame }.map(&:first)
    end

    # `ZeroDivisionError: divided by 0`, and what caused it.
    def message(error)
      text = one(error)
      error.cause ? "#{text}, caused by #{one(error.cause)}" : text
    end

    # Message and place.
    def both(error)
      where = of(error)
      where.empty? ? message(error) : "#{message(error)} (#{where})"
    end

    def one(error)
      text = begin
        # As it is without the source line that Ruby adds for terminals.
        (error.respond_to?(:original_message) ? error.original_message : error.message).to_s.dup.force_encoding(Encoding::UTF_8).scrub
      rescue StandardError # an author's `message` may fail as well
        ""
      end
      name = error.class.name || error.class.inspect
      text.empty? || text == name ? name : "#{name}: #{text}#{hint(error)}"
    end

    # In a pipeline, what is missing is there for nobody.
    def hint(error)
      return "" unless RUBY_PLATFORM.start_with?("wasm")

      case error
      when LocalJumpError then " (leave the block with `next`)"
      when Errno::ENOENT, Errno::ENOTSUP then " (a stage in Ruby reaches no files)"
      else ""
      end
    end

    def hidden?(path)
      path.nil? || UNNAMED.include?(path) || path.start_with?(*HIDDEN)
    end

    def shown(path, line, label)
      path = File.basename(path) if path.start_with?("/")
      label.nil? || label.empty? || label.start_with?("<") ? "#{path}:#{line}" : "#{path}:#{line} in #{label}"
    end

    def times(count) = count == 1 ? "" : " (#{count} times)"
  end
  private_constant :Place
end
