# frozen_string_literal: true

# {{name}}: what this stage does to a record.

require "sandmill"

Sandmill.stage(config: { greeting: "Hello" }) do |name, config|
  raise Sandmill::Failure, "nobody to greet" if name.empty?

  "#{config.greeting}, #{name}!"
end
