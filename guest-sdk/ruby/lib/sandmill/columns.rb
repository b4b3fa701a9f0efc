# frozen_string_literal: true

module Sandmill
  # Records as they cross the sandbox boundary: byte strings back to back, and where each ends.
  class Column
    attr_reader :data, :ends

    def initialize(data = +"".b, ends = [])
      @data = data
      @ends = ends
    end

    def self.of(values)
      values.each_with_object(new) { |value, column| column.add(value) }
    end

    # `String#append_as_bytes` is of Ruby 3.4.
    if "".respond_to?(:append_as_bytes)
      def add(bytes)
        @data.append_as_bytes(bytes)
        @ends << @data.bytesize
      end
    else
      def add(bytes)
        @data << bytes.b
        @ends << @data.bytesize
      end
    end

    def size = @ends.size

    def truncate(count)
      @ends.slice!(count..)
      bytes = @ends.last || 0
      @data = @data.byteslice(0, bytes)
    end

    # The values, in the encoding of the data.
    def values
      from = 0
      @ends.map do |to|
        value = @data.byteslice(from, to - from)
        from = to
        value
      end
    end
  end
  private_constant :Column
end
