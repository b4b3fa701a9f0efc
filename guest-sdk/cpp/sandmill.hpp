// A stage of a Sandmill pipeline as one C++ function.
//
//     #include <sandmill.hpp>
//
//     static std::string shout(std::string_view line) {
//         std::string loud(line);
//         for (char &c : loud) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
//         return loud;
//     }
//     SANDMILL_STAGE(shout)
//
// README.md has every feature, with an example of each. It needs C++23, and no exceptions.
#pragma once

#include <concepts>
#include <cstdarg>
#include <cstdint>
#include <exception>
#include <expected>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "sandmill.h"
#include "sandmill_new.h"

namespace sandmill {

// A record's bytes, where text is not meant. A function that takes a std::string_view is given text: a record that is not
// UTF-8 fails.
struct bytes : std::string_view {
    using std::string_view::string_view;
    constexpr bytes(std::string_view view) : std::string_view(view) {}
};

// Key and value of a record. A record without a key has an empty one.
struct record {
    std::string_view key, value;
};

// Why a record fails: `return std::unexpected(sandmill::failure{"…"})` of a std::expected<T, sandmill::failure>.
struct failure {
    std::string message;
    // Another attempt may succeed.
    bool retryable = false;
};

// What a function may fail with.
template <class T>
using result = std::expected<T, failure>;

// The error of a function that fails: `return sandmill::fail("…");`
inline std::unexpected<failure> fail(std::string message) { return std::unexpected(failure{std::move(message)}); }
inline std::unexpected<failure> retry(std::string message) { return std::unexpected(failure{std::move(message), true}); }

// An output with a key of its own, instead of the key of the record that it was made of. An empty key is none.
template <class V>
struct keyed {
    std::string key;
    V value;
};
template <class V>
keyed(const char *, V) -> keyed<V>;

// An output for another of the stage's named outputs, counted from 0 in the order of the pipeline file.
template <class V>
struct to {
    std::uint16_t port;
    V value;
};

inline void debug(const std::string &message) { sm_log(SM_DEBUG, message.c_str()); }
inline void info(const std::string &message) { sm_log(SM_INFO, message.c_str()); }
inline void warn(const std::string &message) { sm_log(SM_WARN, message.c_str()); }
inline void error(const std::string &message) { sm_log(SM_ERROR, message.c_str()); }

namespace detail {
inline sm_bytes raw(std::string_view view) { return {view.data(), view.size()}; }
inline std::string_view view(sm_bytes raw) { return {raw.ptr, raw.len}; }
} // namespace detail

// Where a stage puts what it makes of a record: for functions that take one, instead of returning a value.
class output {
public:
    explicit output(sm_out *out) : out_(out) {}

    // Emits a value; it is copied.
    void emit(std::string_view value) { sm_emit_bytes(out_, detail::raw(value)); }
    void emit_keyed(std::string_view key, std::string_view value) {
        sm_emit_keyed_bytes(out_, detail::raw(key), detail::raw(value));
    }
    void emit_to(std::uint16_t port, std::string_view value) { sm_emit_to_bytes(out_, port, detail::raw(value)); }

    // Room for a value of `len` bytes, to be written in place: the fastest way. `done` emits its first `len` bytes.
    char *room(std::size_t len) { return sm_room(out_, len); }
    void done(std::size_t len) { sm_done(out_, len); }

    // The key, and the named output, of all that follows of this record. The key is not copied before that.
    void key(std::string_view key) { sm_key(out_, detail::raw(key)); }
    void port(std::uint16_t port) { sm_port(out_, port); }

    // The record fails; what it has emitted is taken back.
    void fail(std::string_view message, bool retryable = false) {
        sm_fail_bytes(out_, detail::raw(message));
        if (retryable) sm_retryable(out_);
    }

private:
    sm_out *out_;
};

// Where a source is in what it reads.
class place {
public:
    explicit place(sm_place *place) : place_(place) {}

    // Any text; empty at the beginning. A run that is resumed gives back the last one.
    std::string_view cursor() const { return {place_->cursor.ptr, place_->cursor.len}; }
    // Where the next call begins.
    void cursor(std::string_view cursor) { sm_place_at(place_, detail::raw(cursor)); }
    // There is no more.
    void done(bool done = true) { place_->done = done; }

private:
    sm_place *place_;
};

// A field of a configuration. One that is `required` has to be given.
template <class C, class T>
struct field_of {
    const char *name;
    T C::*member;
    bool optional;
};
template <class C, class T>
constexpr field_of<C, T> field(const char *name, T C::*member) { return {name, member, true}; }
template <class C, class T>
constexpr field_of<C, T> required(const char *name, T C::*member) { return {name, member, false}; }

// The configuration of a stage that takes none.
struct none {
    static constexpr auto fields() { return std::tuple{}; }
};

namespace detail {

// Reads a value of the configuration. Why it does not fit, or nullptr.
inline const char *read(const sm_value *value, std::string &to) {
    sm_text text{};
    const char *why = sm_read_text(value, &text);
    if (!why) to.assign(text.ptr, text.len);
    return why;
}
inline const char *read(const sm_value *value, bool &to) { return sm_read_bool(value, &to); }
inline const char *read(const sm_value *value, std::vector<std::string> &to) {
    sm_texts texts{};
    const char *why = sm_read_texts(value, &texts);
    for (std::size_t i = 0; !why && i < texts.len; i++) to.emplace_back(texts.items[i].ptr, texts.items[i].len);
    return why;
}
template <std::integral T>
const char *read(const sm_value *value, T &to) {
    std::int64_t integer = 0;
    if (const char *why = sm_read_integer(value, &integer)) return why;
    if (!std::in_range<T>(integer)) return "the integer is out of range";
    to = static_cast<T>(integer);
    return nullptr;
}
template <std::floating_point T>
const char *read(const sm_value *value, T &to) {
    double number = 0;
    if (const char *why = sm_read_number(value, &number)) return why;
    to = static_cast<T>(number);
    return nullptr;
}
template <class T>
const char *read(const sm_value *value, std::optional<T> &to) {
    if (value->kind == sm_value::SM_NULL) return nullptr;
    return read(value, to.emplace());
}

template <class C, std::size_t I>
const char *read_field(const sm_value *value, void *to) {
    return read(value, static_cast<C *>(to)->*(std::get<I>(C::fields()).member));
}

template <class C>
const char *configure(sm_bytes json, void *to) {
    C *config = new (to) C();
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        // One more, because there is no array of none.
        const sm_field fields[] = {
            sm_field{std::get<I>(C::fields()).name, 0, read_field<C, I>, std::get<I>(C::fields()).optional, "", 0, 0}..., sm_field{}};
        return sm_read_object(json, "config", fields, sizeof...(I), config);
    }(std::make_index_sequence<std::tuple_size_v<decltype(C::fields())>>());
}

// What became of a record, by what its function returned.
inline void settle(const sm_record *, output &out, std::string_view value) { out.emit(value); }
inline void settle(const sm_record *, output &out, const std::string &value) { out.emit(value); }
inline void settle(const sm_record *, output &out, const char *value) { out.emit(value); }
inline void settle(const sm_record *, output &out, const record &value) { out.emit_keyed(value.key, value.value); }
template <std::same_as<bool> B>
void settle(const sm_record *record, output &out, B keep) {
    if (keep) out.emit(view(record->value));
}
template <class V>
void settle(const sm_record *record, output &out, const keyed<V> &value) {
    out.key(value.key);
    settle(record, out, value.value);
    out.key(view(record->key));
}
template <class V>
void settle(const sm_record *record, output &out, const to<V> &value) {
    out.port(value.port);
    settle(record, out, value.value);
    out.port(0);
}
template <class V>
void settle(const sm_record *record, output &out, const std::optional<V> &value) {
    if (value) settle(record, out, *value);
}
template <class V>
void settle(const sm_record *record, output &out, const std::vector<V> &values) {
    for (const V &value : values) settle(record, out, value);
}
template <class V>
void settle(const sm_record *record, output &out, const std::expected<V, failure> &value) {
    if (!value) out.fail(value.error().message, value.error().retryable);
    else if constexpr (!std::is_void_v<V>) settle(record, out, *value);
}

template <class In>
std::remove_cvref_t<In> given(const sm_record *record) {
    using T = std::remove_cvref_t<In>;
    static_assert(std::same_as<T, std::string_view> || std::same_as<T, std::string> || std::same_as<T, bytes> ||
                      std::same_as<T, sandmill::record>,
                  "a stage's function takes a std::string_view, sandmill::bytes or sandmill::record");
    if constexpr (std::same_as<T, sandmill::record>) return {view(record->key), view(record->value)};
    else return T(view(record->value));
}

template <class R>
concept returnable = std::is_void_v<R> || requires(const sm_record *record, output &out, const R &result) { settle(record, out, result); };

// Calls `call`, and settles the record with what it returns.
template <class In, class Call>
void one(const sm_record *record, sm_out *raw, Call call) {
    output out(raw);
    if constexpr (!std::same_as<std::remove_cvref_t<In>, bytes> && !std::same_as<std::remove_cvref_t<In>, sandmill::record>)
        if (!sm_checked(record, raw)) return;
#ifdef __cpp_exceptions
    try {
#endif
        using result = decltype(call(given<In>(record), out));
        static_assert(returnable<result>,
                      "a stage's function returns text (std::string, std::string_view), bool, sandmill::keyed, sandmill::to, or a "
                      "std::optional, std::vector or sandmill::result of these; or void, and emits to a sandmill::output &");
        if constexpr (std::is_void_v<result>) call(given<In>(record), out);
        else if constexpr (returnable<result>) settle(record, out, call(given<In>(record), out));
#ifdef __cpp_exceptions
    } catch (const std::exception &exception) {
        out.fail(exception.what());
    }
#endif
}

// The functions that can be a stage.
template <auto Function, class Signature = decltype(Function)>
struct function {
    static_assert(!sizeof(Signature), "a stage's function takes a record, then perhaps a const Config &, then perhaps a sandmill::output &");
};
template <auto Function, class R, class In>
struct function<Function, R (*)(In)> {
    using config = none;
    static void process(const sm_record *record, const void *, sm_out *out) {
        one<In>(record, out, [](auto &&in, output &) { return Function(in); });
    }
};
template <auto Function, class R, class In>
struct function<Function, R (*)(In, output &)> {
    using config = none;
    static void process(const sm_record *record, const void *, sm_out *out) {
        one<In>(record, out, [](auto &&in, output &o) { return Function(in, o); });
    }
};
template <auto Function, class R, class In, class C>
struct function<Function, R (*)(In, const C &)> {
    using config = C;
    static void process(const sm_record *record, const void *c, sm_out *out) {
        one<In>(record, out, [c](auto &&in, output &) { return Function(in, *static_cast<const C *>(c)); });
    }
};
template <auto Function, class R, class In, class C>
struct function<Function, R (*)(In, const C &, output &)> {
    using config = C;
    static void process(const sm_record *record, const void *c, sm_out *out) {
        one<In>(record, out, [c](auto &&in, output &o) { return Function(in, *static_cast<const C *>(c), o); });
    }
};

// A function that is a source.
template <auto Function, class Type = decltype(Function)>
struct source;
template <auto Function>
struct source<Function, void (*)(std::size_t, place &, output &)> {
    using config = none;
    static void pull(const void *, std::size_t most, place &at, output &out) { Function(most, at, out); }
};
template <auto Function, class C>
struct source<Function, void (*)(const C &, std::size_t, place &, output &)> {
    using config = C;
    static void pull(const void *c, std::size_t most, place &at, output &out) {
        Function(*static_cast<const C *>(c), most, at, out);
    }
};

template <class Method>
struct method;
template <class T, class R, class In>
struct method<R (T::*)(In)> {
    using in = In;
    static R call(T &stage, auto &&in, output &) { return stage.process(in); }
};
template <class T, class R, class In>
struct method<R (T::*)(In, output &)> {
    using in = In;
    static R call(T &stage, auto &&in, output &out) { return stage.process(in, out); }
};

template <class T>
struct config_of {
    using type = none;
};
template <class T>
    requires requires { typename T::config; }
struct config_of<T> {
    using type = typename T::config;
};

// A class with a method `process`, and perhaps `flush`.
template <class T>
struct stateful {
    using config = typename config_of<T>::type;
    using call = method<decltype(&T::process)>;
    static inline std::optional<T> stage;

    static const char *open(const void *c) {
        if constexpr (std::constructible_from<T, const config &>) stage.emplace(*static_cast<const config *>(c));
        else stage.emplace();
        if constexpr (requires(T &t) { t.open(); }) {
            static std::expected<void, failure> opened;
            opened = stage->open();
            return opened ? nullptr : opened.error().message.c_str();
        }
        return nullptr;
    }
    static void process(const sm_record *record, const void *, sm_out *out) {
        one<typename call::in>(record, out, [](auto &&in, output &o) { return call::call(*stage, in, o); });
    }
    static void flush(sm_out *raw) {
        output out(raw);
        if constexpr (requires(T &t) { t.flush(out); }) stage->flush(out);
    }
};

// A message of the library, in which %s and %d stand for arguments.
inline std::string message(const char *format, va_list arguments) {
    std::string text;
    for (const char *at = format; *at; at++) {
        const bool is_argument = at[0] == '%' && (at[1] == 's' || at[1] == 'd');
        if (!is_argument) text += *at;
        else if (*++at == 's') text += va_arg(arguments, const char *);
        else text += std::to_string(va_arg(arguments, int));
    }
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

} // namespace detail
} // namespace sandmill

// What the library does instead of throwing: the host learns why the instance ends. By itself it prints, for which it brings
// all of printf along.
#if defined(__wasm__) && defined(_LIBCPP_VERSION)
#define SANDMILL_ABORT                                                                                                \
    void std::__libcpp_verbose_abort(const char *format, ...) noexcept {                                              \
        va_list arguments;                                                                                            \
        va_start(arguments, format);                                                                                  \
        sm_panic(sandmill::detail::message(format, arguments).c_str(), "");                                           \
    }
#else
#define SANDMILL_ABORT
#endif

// A stage that has operators of its own keeps them. Natively the library's are in use, which tools know how to check.
#ifdef __wasm__
#define SANDMILL_MEMORY                                                                                               \
    [[gnu::weak]] void *operator new(std::size_t len) { return sm_new(len); }                                         \
    [[gnu::weak]] void operator delete(void *object) noexcept { sm_delete(object); }                                  \
    [[gnu::weak]] void operator delete(void *object, std::size_t) noexcept { sm_delete(object); }
#else
#define SANDMILL_MEMORY
#endif

// Makes a function the stage, once in a program. It takes a record, then perhaps `const Config &`, then perhaps
// `sandmill::output &`; what it returns says what becomes of the record.
#define SANDMILL_STAGE(...)                                                                                           \
    namespace {                                                                                                       \
    constexpr auto sandmill_function = +__VA_ARGS__;                                                                  \
    using sandmill_glue = sandmill::detail::function<sandmill_function>;                                              \
    }                                                                                                                 \
    SANDMILL_GLUE

// Makes a function the source, once in a program, in place of a stage: void f(std::size_t most, sandmill::place &place,
// sandmill::output &out), or the same after a `const Config &`. It emits at most `most` records from the place on, and moves the
// place; fewer, or none, is not an end: only `place.done()` is.
#define SANDMILL_SOURCE(...)                                                                                          \
    namespace {                                                                                                       \
    constexpr auto sandmill_function = +__VA_ARGS__;                                                                  \
    using sandmill_glue = sandmill::detail::source<sandmill_function>;                                                \
    }                                                                                                                 \
    SANDMILL_ABORT                                                                                                    \
    SANDMILL_MEMORY                                                                                                   \
    extern "C" const sm_stage sandmill_stage = {nullptr, nullptr, 0, sizeof(sandmill_glue::config),                   \
                                                sandmill::detail::configure<sandmill_glue::config>};                  \
    extern "C" void sandmill_pull(const void *config, std::size_t most, sm_place *at, sm_out *raw) {                  \
        sandmill::place place(at);                                                                                    \
        sandmill::output out(raw);                                                                                    \
        sandmill_glue::pull(config, most, place, out);                                                                \
    }

// Makes a class the stage: it keeps state between records. It has a method `process`; a constructor that takes `const config &`,
// where it has a type of that name; perhaps `sandmill::result<void> open()`, which says why it cannot work; and with
// SANDMILL_FLUSHING instead a method `flush(sandmill::output &)`, called when the instance ends.
#define SANDMILL_CLASS(type)                                                                                          \
    namespace {                                                                                                       \
    using sandmill_glue = sandmill::detail::stateful<type>;                                                           \
    }                                                                                                                 \
    SANDMILL_GLUE                                                                                                     \
    extern "C" const char *sandmill_opened(const void *config) { return sandmill_glue::open(config); }
#define SANDMILL_FLUSHING(type)                                                                                       \
    SANDMILL_CLASS(type)                                                                                              \
    SM_MARK                                                                                                           \
    extern "C" void sandmill_flush(const void *, sm_out *out) { sandmill_glue::flush(out); }

#define SANDMILL_GLUE                                                                                                 \
    SANDMILL_ABORT                                                                                                    \
    SANDMILL_MEMORY                                                                                                   \
    extern "C" const sm_stage sandmill_stage = {sandmill_glue::process, nullptr, 0, sizeof(sandmill_glue::config),    \
                                                sandmill::detail::configure<sandmill_glue::config>};
