// The stage under test whose records are text: the same in every language.
#include <sandmill.hpp>

struct Config {
    std::string prefix;

    static constexpr auto fields() { return std::tuple{sandmill::field("prefix", &Config::prefix)}; }
};

static std::string hello(std::string_view line, const Config &config) { return config.prefix + std::string(line); }
SANDMILL_STAGE(hello)
