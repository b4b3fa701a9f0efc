#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include <sandmill.hpp>

using namespace std::chrono;

static sandmill::result<std::string> failed(std::string_view name) {
    return sandmill::fail(std::string(name) + ": " + std::strerror(errno));
}

// The library that Zig brings has no file streams.
using file = std::unique_ptr<std::FILE, decltype([](std::FILE *open) { std::fclose(open); })>;

static sandmill::result<std::string> read(const std::string &name) {
    const file open(std::fopen(name.c_str(), "r"));
    char line[64] = {};
    if (!open || !std::fgets(line, sizeof line, open.get())) return failed(name);
    return std::string(line, std::strcspn(line, "\n"));
}

static sandmill::result<std::string> write(const std::string &name, const char *mode, const std::string &text) {
    const file open(std::fopen(name.c_str(), mode));
    if (!open || std::fputs(text.c_str(), open.get()) < 0 || std::fflush(open.get())) return failed(name);
    return "";
}

static sandmill::result<std::string> ask(const std::string &line) {
    const auto space = line.find(' ');
    const std::string what = line.substr(0, space), name = space == line.npos ? "" : line.substr(space + 1);
    if (what == "year") return std::to_string(int(year_month_day(floor<days>(system_clock::now())).year()));
    if (what == "env") return std::getenv(name.c_str()) ? std::getenv(name.c_str()) : "";
    if (what == "read") return read(name);
    if (what == "write") return write(name, "w", "written\n");
    if (what == "append") return write(name, "a", std::string(5000, 'x') + "\n");
    if (what == "random") {
        std::random_device random;
        return random() == random() && random() == random() ? "false" : "true";
    }
    return "";
}

SANDMILL_STAGE(ask)
