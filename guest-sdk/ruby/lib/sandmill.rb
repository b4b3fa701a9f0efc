# frozen_string_literal: true

# Write a stage of a Sandmill pipeline as one Ruby block. See README.md beside this folder.
module Sandmill
end

require_relative "sandmill/outputs"
require_relative "sandmill/log"
require_relative "sandmill/json"
require_relative "sandmill/schema"
require_relative "sandmill/place"
require_relative "sandmill/columns"
require_relative "sandmill/emitted"
require_relative "sandmill/instance"
require_relative "sandmill/open_source"
require_relative "sandmill/declared"
require_relative "sandmill/trial"
