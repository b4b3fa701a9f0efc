#include <sandmill.hpp>
#include <charconv>

struct Config {
    std::int64_t last = 100;

    static constexpr auto fields() { return std::tuple{sandmill::field("last", &Config::last)}; }
};

static void numbers(const Config &config, std::size_t most, sandmill::place &place, sandmill::output &out) {
    std::int64_t next = 0;
    std::from_chars(place.cursor().data(), place.cursor().data() + place.cursor().size(), next);
    for (; most > 0 && next <= config.last; most--, next++) out.emit(std::to_string(next));
    place.cursor(std::to_string(next));
    place.done(next > config.last);
}

SANDMILL_SOURCE(numbers)
