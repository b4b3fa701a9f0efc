# frozen_string_literal: true

# What a stage should not do, and may.
def odd(line)
  case line[1..]
  when "panic" then nil.foo
  when "index" then [1, 2].fetch(line.size)
  when "loop" then loop { line }
  when "oom" then Array.new(4096) { "x" * (1 << 20) }
  when "deep" then deep(0)
  when "exit" then exit(3)
  when "log" then %i[debug info warn error].each { |level| Sandmill.log.public_send(level, "a line, Straße") }
  when "print"
    puts "printed, Straße"
    $stderr.print "to stderr"
    $stdout.write("bytes \xff")
  when "time" then return Time.now.to_s
  when "random" then return rand.to_s
  when "file" then return File.read("/etc/passwd")
  when "env" then return ENV.fetch("HOME")
  when "import" then require "csv"
  when "surrogate" then return "\xed\xa0\x80"
  end
  line
end

def deep(depth)
  deep(depth + 1)
end
