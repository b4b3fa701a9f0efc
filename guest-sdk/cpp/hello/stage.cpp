// The stage under test of the conformance suite: the same in every language. Its first character says what a record does.
#include <sandmill.hpp>

#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

struct Config {
    std::string prefix;
    std::int64_t limit = 0;

    static constexpr auto fields() {
        return std::tuple{sandmill::field("prefix", &Config::prefix), sandmill::field("limit", &Config::limit)};
    }
};

static int deep(int n) {
    volatile char frame[128];
    frame[0] = static_cast<char>(n);
    return n < 0 ? n : deep(n + 1) + frame[0];
}

class Hello {
public:
    using config = Config;

    explicit Hello(const Config &config) : config_(config) {}

    sandmill::result<void> process(sandmill::bytes value, sandmill::output &out) {
        seen_++;
        switch (value.empty() ? 0 : value[0]) {
        case '!':
            if (value.starts_with("!?")) return sandmill::retry("told to fail: " + std::string(value));
            return sandmill::fail("told to fail: " + std::string(value));
        case '-': return {};
        case '+': upper(value.substr(1), out), upper(value.substr(1), out); return {};
        case '*': return many(value, out);
        case '@': return keyed(value, out);
        case '>': return routed(value, out);
        case '~': return odd(value, out);
        default: upper(value, out); return {};
        }
    }

    // An output for each record that was kept.
    void flush(sandmill::output &out) {
        if (is_spoilt_) out.fail("told to fail at the end");
        for (std::size_t number = 1; number <= kept_; number++) out.emit_keyed("kept", std::to_string(number));
    }

private:
    void upper(std::string_view value, sandmill::output &out) {
        const std::string_view prefix = config_.prefix;
        char *to = out.room(prefix.size() + value.size());
        for (std::size_t i = 0; i < prefix.size(); i++) to[i] = prefix[i];
        to += prefix.size();
        for (std::size_t i = 0; i < value.size(); i++) {
            const char c = value[i];
            to[i] = static_cast<char>(c >= 'a' && c <= 'z' ? c - 0x20 : c);
        }
        out.done(prefix.size() + value.size());
    }

    static sandmill::result<unsigned> number(std::string_view digits) {
        unsigned number = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc() || end != digits.data() + digits.size()) return sandmill::fail("there is no number");
        return number;
    }

    // `*3`: three outputs.
    sandmill::result<void> many(std::string_view value, sandmill::output &out) {
        const auto count = number(value.substr(1));
        if (!count) return std::unexpected(count.error());
        for (unsigned i = 0; i < *count; i++) upper(value, out);
        return {};
    }

    // `@k=v`: the value v with the key k.
    sandmill::result<void> keyed(std::string_view value, sandmill::output &out) {
        const auto equals = value.find('=');
        if (equals == value.npos) return sandmill::fail("there is no \"=\"");
        out.key(value.substr(1, equals - 1));
        upper(value.substr(equals + 1), out);
        return {};
    }

    // `>1 v`: the value v to the output 1.
    sandmill::result<void> routed(std::string_view value, sandmill::output &out) {
        const auto space = value.find(' ');
        if (space == value.npos) return sandmill::fail("there is no port");
        const auto port = number(value.substr(1, space - 1));
        if (!port) return std::unexpected(port.error());
        out.port(static_cast<std::uint16_t>(*port));
        upper(value.substr(space + 1), out);
        return {};
    }

    // What concerns the instance, and failures of all kinds.
    sandmill::result<void> odd(std::string_view value, sandmill::output &out) {
        if (value == "~keep") return kept_++, sandmill::result<void>();
        if (value == "~spoil") return is_spoilt_ = true, sandmill::result<void>();
        if (value == "~count") return out.emit(std::to_string(seen_)), sandmill::result<void>();
        if (value == "~limit") return out.emit(std::to_string(config_.limit)), sandmill::result<void>();
        if (value == "~both") return out.emit("lost"), sandmill::fail("emitted, then failed");
        if (value == "~nothing") return sandmill::fail("");
        if (value == "~long") return sandmill::fail(std::string(1'000'000, 'x'));
        if (value == "~nul") return sandmill::fail(std::string("a\0b", 3));
        if (value == "~random") return out.emit(std::to_string(std::rand())), sandmill::result<void>();
        if (value == "~env" && !std::getenv("HOME")) return sandmill::fail("there is no variable HOME");
        if (value == "~file" && !std::fopen("/etc/passwd", "r")) return sandmill::fail(std::strerror(errno));
        if (value == "~time" && std::time(nullptr) < 0) return sandmill::fail(std::strerror(errno));
        speak(value);
        break_it(value);
        out.emit(value);
        return {};
    }

    // What breaks the instance.
    void break_it(std::string_view value) {
        if (value == "~panic") assert(!"told to panic");
        if (value == "~index") *reinterpret_cast<volatile char *>(0xfffffff0) = 1;
        if (value == "~abort") std::abort();
        if (value == "~throw") std::vector<int>(2).at(value.size()) = 1;
        if (value == "~oom") for (std::vector<std::string> all;;) all.emplace_back(1 << 20, 'x');
        if (value == "~deep") sandmill::info(std::to_string(deep(0)));
        if (value == "~exit") std::exit(3);
        if (value == "~loop") for (volatile bool forever = true; forever;) continue;
        if (value.starts_with("~last ")) {
            std::fputs("last words", stdout);
            break_it(value.substr(6));
        }
    }

    void speak(std::string_view value) {
        if (value == "~print") {
            std::puts("printed, Stra\xc3\x9f" "e");
            std::fputs("to stderr\n", stderr);
            std::fputs("bytes \xff|\nno end", stdout);
        }
        if (value == "~log") {
            sandmill::debug("debug, Stra\xc3\x9f" "e"), sandmill::info("info"), sandmill::warn("warn");
            sandmill::error("error " + std::to_string(4));
        }
    }

    Config config_;
    std::size_t seen_ = 0, kept_ = 0;
    bool is_spoilt_ = false;
};

SANDMILL_FLUSHING(Hello)
