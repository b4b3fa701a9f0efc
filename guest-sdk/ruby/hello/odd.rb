# frozen_string_literal: true

# What a stage should not do, and may.
def odd(line)
  fail_as_told(line)
  speak(line)
  break_it(line)
  reach_out(line) || line
end

def fail_as_told(line)
  case line[1..]
  when "nothing" then raise Sandmill::Failure, ""
  when "long" then raise Sandmill::Failure, "x" * 1_000_000
  when "nul" then raise Sandmill::Failure, "a\0b"
  end
end

def speak(line)
  case line[1..]
  when "log" then %i[debug info warn error].each { |level| Sandmill.log.public_send(level, "a line, Straße") }
  when "print"
    puts "printed, Straße"
    $stderr.print "to stderr"
    $stdout.write("bytes \xff|\n")
    print "no end"
  end
end

def reach_out(line)
  case line[1..]
  when "time" then Time.now.to_s
  when "random" then rand.to_s
  when "order" then %w[a b c].to_h { |name| [name.to_sym, name.hash] }.to_s
  when "file" then File.read("/etc/passwd")
  when "env" then ENV.fetch("HOME")
  when "import" then require("csv") && "csv"
  when "beside" then Thread.new { 45 }.value.to_s
  when "surrogate" then "\xed\xa0\x80"
  when "both" then both
  end
end

def both
  Enumerator.new do |outputs|
    outputs << "lost"
    raise Sandmill::Failure, "emitted, then failed"
  end
end

def break_it(line)
  case line[1..]
  when "panic" then nil.foo
  when "index" then [1, 2].fetch(line.size)
  when "loop" then loop { line }
  when "oom" then Array.new(4096) { "x" * (1 << 20) }
  when "deep" then deep(0)
  when "exit" then exit(3)
  end
  return unless line.start_with?("~last ")

  print "last words"
  break_it(line.delete_prefix("~last "))
end

def deep(depth)
  deep(depth + 1)
end
