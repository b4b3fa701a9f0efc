#include <sandmill.hpp>

static std::string upper(std::string_view line) {
    std::string loud(line);
    for (char &c : loud) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return loud;
}

SANDMILL_STAGE(upper)
